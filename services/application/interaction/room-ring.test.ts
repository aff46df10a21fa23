import { expect, test } from 'vitest';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { encodePlain, type RoomBatch } from './encoding.ts';
import { InteractionEvents } from './events.ts';
import { RingBudget, RoomRing, type RingLimits } from './room-ring.ts';

const wide = { ringBatchesMax: 1000, ringBytesMax: 1e6, ringAgeMs: 60_000, ringsBytesMax: 1e7 };

function openBudget(limits: Partial<RingLimits> = {}) {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const events = new InteractionEvents({ logger, metrics: createMetrics('test') });
  return { budget: new RingBudget({ ...wide, ...limits }, events), counters: events.counters };
}

function batch(from: number, to: number, atMs = 0): RoomBatch {
  const header = { roomId: 1, epoch: 1, from, to, atMs, stateVersion: 1, durable: 1 };
  return encodePlain(header, []);
}

function fill(ring: RoomRing, count: number, atMs = 0): void {
  for (let index = 0; index < count; index++) ring.push(batch(index * 2 + 1, index * 2 + 2, atMs));
}

const places = (batches: readonly RoomBatch[]) => batches.map(({ from, to }) => [from, to]);

test('what follows an offset, as many as are asked for', () => {
  const ring = new RoomRing(openBudget().budget);
  fill(ring, 100);
  expect(places(ring.after(0, 2))).toEqual([
    [1, 2],
    [3, 4],
  ]);
  expect(places(ring.after(196, 10))).toEqual([
    [197, 198],
    [199, 200],
  ]);
  expect(ring.after(200, 10)).toEqual([]);
});

test('the bounds of one room: batches, bytes, age', () => {
  const counted = new RoomRing(openBudget({ ringBatchesMax: 10 }).budget);
  fill(counted, 500);
  expect(counted.reachesBackTo).toBe(980);
  expect(places(counted.after(980, 1))).toEqual([[981, 982]]);
  const { bytes } = batch(1, 2);
  const sized = new RoomRing(openBudget({ ringBytesMax: bytes * 5 }).budget);
  fill(sized, 20);
  expect([sized.reachesBackTo, sized.bytes]).toEqual([30, bytes * 5]);
  const aged = new RoomRing(openBudget({ ringAgeMs: 1000 }).budget);
  fill(aged, 5, 10_000);
  aged.push(batch(11, 12, 11_001));
  expect(aged.reachesBackTo).toBe(10);
});

test('all rooms together: whose batches were read least lately gives them up, and says so', () => {
  const { bytes } = batch(1, 2);
  const { budget, counters } = openBudget({ ringsBytesMax: bytes * 30 });
  const [read, unread] = [new RoomRing(budget), new RoomRing(budget)];
  fill(read, 10);
  fill(unread, 10);
  read.after(0, 1);
  const busy = new RoomRing(budget);
  fill(busy, 15);
  expect(unread.reachesBackTo).toBe(20);
  expect(read.reachesBackTo).toBe(0);
  expect(counters.ringEvictions).toBe(10);
  expect(budget.bytes).toBe(bytes * 25);
  for (const ring of [read, unread, busy]) ring[Symbol.dispose]();
  expect(budget.bytes).toBe(0);
});
