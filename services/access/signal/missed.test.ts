import { ManualClock } from '@gala/lib/clock';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import type { OpenRoomResponse, ReadBatchesResponse, RoomBatch } from '@gala/protocol/interaction';
import { expect, test } from 'vitest';
import { SignalEvents } from './events.ts';
import { Fanout } from './fanout.ts';
import { MissedReading } from './missed.ts';
import { Pressure } from './pressure.ts';
import { Room, type RoomOwner } from './room.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const nobody: RoomOwner = {
  repair: () => undefined,
  readState: () => undefined,
  reopen: () => undefined,
  evict: () => undefined,
};
const since = { epoch: 1, offset: 40, durable: 100 };

/** At offset 10 of epoch 2, with nothing of before. */
function openedRoom(): Room {
  const clock = new ManualClock();
  const events = new SignalEvents(logger, createMetrics('node'));
  const pressure = new Pressure({ slowBytes: 1e4, stopBytes: 1e5, slowEvictMs: 1e4 }, events);
  const ringLimits = { bytesMax: 1e6, ageMs: 1e9 };
  const parts = { clock, events, pressure, ringLimits, fanout: new Fanout(clock), windowMsMax: 0 };
  const room = new Room(1, { ...parts, owner: nobody });
  const place = { epoch: 2n, offset: 10n, durable: 400n, stateVersion: 0n };
  room.opened({ ...place, state: [], rules: Buffer.from('{}') } as unknown as OpenRoomResponse, 'owner');
  return room;
}

function batch(epoch: number, [from, to]: readonly [number, number], durable = 0): RoomBatch {
  const places = { epoch: BigInt(epoch), from: BigInt(from), to: BigInt(to), durable: BigInt(durable) };
  return {
    ...places,
    atMs: 0n,
    stateVersion: 0n,
    state: [],
    sections: [],
    counts: [],
  } as unknown as RoomBatch;
}

function answer(complete: boolean, batches: readonly RoomBatch[], epoch = 2): ReadBatchesResponse {
  return { epoch: BigInt(epoch), offset: 10n, complete, batches } as unknown as ReadBatchesResponse;
}

test('what is left of a gap is read to its end, control and money first', () => {
  const room = openedRoom();
  const reading = new MissedReading(since);
  reading.take(room, answer(false, [batch(0, [1, 2], 200), batch(2, [1, 3], 300)]));
  expect([reading.isDone, reading.upTo(room)]).toEqual([false, undefined]);
  expect(reading.place).toEqual({ epoch: 2, offset: 3, durable: 300 });
  reading.take(room, answer(true, [batch(2, [4, 10], 400)]));
  expect(reading.isDone).toBe(true);
  room.accept(batch(2, [11, 12]));
  const missed = reading.upTo(room)!;
  expect(missed.isComplete).toBe(false);
  expect(missed.batches.map(({ epoch, from, to }) => [epoch, from, to])).toEqual([
    [0, 1, 2],
    [2, 1, 3],
    [2, 4, 10],
    [2, 11, 12],
  ]);
});

test('without a batch the reader is where the owner is, and gets what came since', () => {
  const room = openedRoom();
  const reading = new MissedReading(since);
  reading.take(room, answer(false, [batch(0, [1, 1], 400)]));
  expect(reading.isDone).toBe(true);
  room.accept(batch(2, [11, 11]));
  expect(reading.upTo(room)?.batches.map(({ to }) => to)).toEqual([1, 11]);
});

test('when the owner drops what was to follow, it begins again, so that nothing comes behind its place', () => {
  const room = openedRoom();
  const reading = new MissedReading(since);
  reading.take(room, answer(false, [batch(2, [1, 3], 300)]));
  reading.take(room, answer(false, [batch(0, [1, 2], 350), batch(2, [7, 10], 400)]));
  expect([reading.isDone, reading.place]).toEqual([false, since]);
  reading.take(room, answer(false, [batch(0, [1, 4], 350), batch(2, [7, 10], 400)]));
  expect(reading.upTo(room)?.batches.map(({ from, to }) => [from, to])).toEqual([
    [1, 4],
    [7, 10],
  ]);
});

test('nobody is told a gap by an owner that is further than the room, however often it is asked', () => {
  const room = openedRoom();
  const reading = new MissedReading(since);
  let answers = 0;
  for (; !reading.isDone; answers++) reading.take(room, answer(true, [], 3));
  expect(answers).toBeLessThan(20);
  expect(reading.upTo(room)).toBeUndefined();
});
