import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestPostgres } from '@gala/lib/sql/testing';
import { composeRoomId } from '@gala/protocol/ids';
import type { RoomBatch } from '@gala/protocol/interaction';
import { roomTopic } from '@gala/protocol/room';
import { SeenRoom, TestNode } from '../testing-node.ts';
import { startOwnersPostgres, startTestProcess, type TestProcess } from '../testing.ts';

let postgres: TestPostgres;
let owner: TestProcess;
let node: TestNode;
let starts = 0;
beforeAll(async () => {
  postgres = await startOwnersPostgres();
  await start();
}, 60_000);
afterAll(async () => {
  await owner[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

async function start(): Promise<void> {
  const env = { GALA_INTERACTION_DURABLE_MS_MAX: '300' };
  owner = await startTestProcess({ urls: postgres.urls, processId: `owner-${++starts}`, env });
  node = await TestNode.start(owner);
}

function saidIn(roomId: number, batches: readonly RoomBatch[]): string[] {
  const room = new SeenRoom(roomId);
  room.epoch = Number(batches.find(({ epoch }) => epoch !== 0n)?.epoch ?? 0);
  for (const batch of batches) room.take(batch);
  return room.said();
}

let rooms = 0;
const newRoom = (): number => composeRoomId(++rooms, 1);

function publish(roomId: number, name: string) {
  const value = Buffer.from(JSON.stringify({ type: 'notice', class: 'money', name, data: null }));
  const what = { case: 'signal', value } as const;
  return owner.interaction.publish({ roomId: BigInt(roomId), publishId: name, by: 'test', what });
}

async function comment(roomId: number, text: string): Promise<string> {
  const speaker = { userId: 7n, name: 'anna', role: 'viewer', device: 'd1', address: '::1' };
  const signal = Buffer.from(JSON.stringify({ type: 'comment', text }));
  const submission = { roomId: BigInt(roomId), speaker, connection: 1n, clientId: '', signal };
  const { results } = await owner.interaction.submit({ node: node.id, submissions: [submission] });
  return results[0].code;
}

/** The log answers nobody while coordination does. */
async function stopLog(): Promise<() => Promise<void>> {
  const client = await postgres.sql.core().pool.connect();
  await client.query('begin; lock table eventlog_partition in access exclusive mode');
  return async () => {
    await client.query('rollback');
    client.release();
  };
}

test(
  'while the log does not answer control and money are refused at once, and the rest goes on',
  {
    timeout: 30_000,
  },
  async () => {
    const room = await node.open(newRoom());
    await publish(room.roomId, 'before');
    const start = await stopLog();
    const undurable = { code: 'SIGNALS_UNDURABLE' };
    await expect(publish(room.roomId, 'first')).rejects.toMatchObject(undurable);
    await expect(publish(room.roomId, 'second')).rejects.toMatchObject(undurable);
    const beganMs = performance.now();
    for (let count = 0; count < 20; count++) {
      await expect(publish(room.roomId, 'refused')).rejects.toMatchObject(undurable);
    }
    // Twenty that waited for the log would take six seconds.
    expect(performance.now() - beganMs).toBeLessThan(3000);
    expect(await comment(room.roomId, 'hello')).toBe('');
    await expect.poll(() => room.said()).toContain('hello');
    await start();
    await expect
      .poll(
        () =>
          publish(room.roomId, 'after').then(
            () => true,
            () => false,
          ),
        { timeout: 10_000 },
      )
      .toBe(true);
    await publish(room.roomId, 'first');
    await publish(room.roomId, 'second');
    await expect.poll(() => room.said()).toEqual(expect.arrayContaining(['first', 'second', 'after']));
    for (const name of ['before', 'first', 'second', 'after']) {
      expect(
        room.said().filter((said) => said === name),
        name,
      ).toHaveLength(1);
    }
    expect(room.gaps).toBe(0);
  },
);

test('who comes from another epoch is told what may not be lost, and that the rest is', async () => {
  const room = await node.open(newRoom());
  await publish(room.roomId, 'first');
  await publish(room.roomId, 'known');
  await expect.poll(() => room.said()).toEqual(['first', 'known']);
  const { durable, epoch } = room;
  await comment(room.roomId, 'gone');
  await publish(room.roomId, 'missed');
  await expect.poll(() => room.said()).toContain('missed');
  const elsewhere = { epoch: BigInt(epoch - 1), after: 5n, afterDurable: BigInt(durable), limit: 100 };
  // The ring of this epoch has it all, so that nothing is told beside it.
  const whole = await owner.interaction.readBatches({ roomId: BigInt(room.roomId), ...elsewhere });
  expect(whole).toMatchObject({ complete: false, epoch: BigInt(epoch) });
  expect(saidIn(room.roomId, whole.batches)).toEqual(['first', 'known', 'gone', 'missed']);
  // Another owner has the log alone.
  await owner[Symbol.asyncDispose]();
  await start();
  const roomId = BigInt(room.roomId);
  const said = async (afterDurable: bigint) => {
    const read = await owner.interaction.readBatches({ roomId, ...elsewhere, afterDurable });
    return {
      isComplete: read.complete,
      epochs: read.batches.map((batch) => batch.epoch),
      said: saidIn(room.roomId, read.batches),
    };
  };
  expect(await said(BigInt(durable))).toEqual({ isComplete: false, epochs: [0n], said: ['missed'] });
  expect(await said(0n)).toMatchObject({ said: ['first', 'known', 'missed'] });
  // Who lacks nothing of it is told so, and up to where.
  const latest = BigInt((Date.now() - 1) * 1000);
  const [nothing] = (await owner.interaction.readBatches({ roomId, ...elsewhere, afterDurable: latest }))
    .batches;
  expect(nothing).toMatchObject({ epoch: 0n, from: 1n, to: 0n, sections: [] });
  expect(nothing.durable).toBeGreaterThanOrEqual(BigInt(durable));
  const { durableComplete } = await owner.interaction.readBatches({ roomId, ...elsewhere, afterDurable: 1n });
  expect(durableComplete).toBe(false);
});

test(
  'an owner that cannot read the log yet opens rooms, and tells no number until it can',
  { timeout: 30_000 },
  async () => {
    const { roomId, durable } = await node.open(newRoom());
    await publish(roomId, 'promised');
    await owner[Symbol.asyncDispose]();
    const startLog = await stopLog();
    await start();
    const room = await node.open(roomId);
    expect(await comment(roomId, 'goes on')).toBe('');
    await expect.poll(() => room.said()).toEqual(['goes on']);
    expect(room.durable).toBe(0);
    const elsewhere = {
      roomId: BigInt(roomId),
      epoch: 0n,
      after: 0n,
      afterDurable: BigInt(durable),
      limit: 100,
    };
    const pending = await owner.interaction.readBatches(elsewhere);
    expect(pending).toMatchObject({ complete: false, durableComplete: false, durablePending: true });
    expect(saidIn(roomId, pending.batches)).toEqual(['goes on']);
    await startLog();
    const read = () => owner.interaction.readBatches(elsewhere);
    await expect.poll(async () => (await read()).durablePending, { timeout: 10_000 }).toBe(false);
    expect(saidIn(roomId, (await read()).batches)).toEqual(['promised', 'goes on']);
    await comment(roomId, 'numbered');
    await expect.poll(() => room.durable).toBeGreaterThan(durable);
  },
);

test('a room that ended is told so, from the feed of the room service', async () => {
  const room = await node.open(newRoom());
  const change = {
    kind: 'update',
    database: 'shard-0',
    fence: 1,
    lsn: 1,
    index: 0,
    committedAtMs: Date.now(),
    table: 'room',
  } as const;
  const tell = (row: Record<string, string | number>) =>
    owner.context.eventlog.append(roomTopic, '0', [
      Buffer.from(JSON.stringify({ ...change, row: { room_id: room.roomId, ...row } })),
    ]);
  owner.rooms.announcement = 'at eight';
  await tell({ state: 'live' });
  await expect.poll(() => room.state.get('announcement')).toEqual({ text: 'at eight' });
  await tell({ state: 'ended' });
  await expect.poll(() => room.said()).toEqual(['ended']);
  expect(await comment(room.roomId, 'too late')).toBe('ROOM_SILENT');
});
