import { afterAll, beforeAll, expect, test } from 'vitest';
import { ringFirst } from '@gala/lib/ring';
import type { TestPostgres } from '@gala/lib/sql/testing';
import { composeRoomId } from '@gala/protocol/ids';
import { partitionOfRoom, ringKeyOfPartition } from '@gala/protocol/signals';
import { TestNode } from './testing-node.ts';
import { DurablePublisher } from './testing-publisher.ts';
import { startOwnersPostgres, startTestProcess, type TestProcess } from './testing.ts';

let postgres: TestPostgres;
let caller: TestProcess;
let node: TestNode;
beforeAll(async () => {
  postgres = await startOwnersPostgres();
  caller = await startTestProcess({ urls: postgres.urls, processId: 'node-1', isOwner: false });
  node = await TestNode.start(caller);
}, 60_000);
afterAll(async () => {
  await caller[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

const start = (processId: string, env: Readonly<Record<string, string>> = {}) =>
  startTestProcess({ urls: postgres.urls, processId, env });
const soon = { timeout: 10_000 };

/** A room that is the first member's while all of them are there. */
function roomOf(first: string, members: readonly string[], session = 1): number {
  for (let host = 1; ; host++) {
    const roomId = composeRoomId(host, session);
    if (ringFirst(members, ringKeyOfPartition(partitionOfRoom(roomId))) === first) return roomId;
  }
}

const comment = (text: string) => ({ type: 'comment', text });

async function say(roomId: number, text: string): Promise<string> {
  const speaker = { userId: 7n, name: 'anna', role: 'host', device: 'd1', address: '::1' };
  const signal = Buffer.from(JSON.stringify(comment(text)));
  const submission = { roomId: BigInt(roomId), speaker, connection: 1n, clientId: '', signal };
  const { results } = await node.call(roomId, (interaction, options) =>
    interaction.submit({ node: node.id, submissions: [submission] }, options),
  );
  return results[0].code;
}

test(
  'nobody who speaks, no lease; a room that nobody needs is closed, and its partition given back',
  {
    timeout: 30_000,
  },
  async () => {
    const env = { GALA_INTERACTION_ROOM_IDLE_MS: '100', GALA_INTERACTION_PARTITION_IDLE_MS: '100' };
    await using owner = await start('idle-1', env);
    expect(await owner.metric('gala_interaction_partitions')).toBe(0);
    const room = await node.open(composeRoomId(1, 1));
    expect(await owner.metric('gala_interaction_partitions')).toBe(1);
    const { epoch } = room;
    await owner.interaction.closeRoom({ roomId: BigInt(room.roomId), node: node.id });
    await expect.poll(() => owner.metric('gala_interaction_rooms'), soon).toBe(0);
    const again = await owner.interaction.openRoom({ roomId: BigInt(room.roomId), node: 'other' });
    expect(Number(again.epoch)).toBeGreaterThan(epoch);
    await owner.interaction.closeRoom({ roomId: BigInt(room.roomId), node: 'other' });
    await expect.poll(() => owner.metric('gala_interaction_partitions'), soon).toBe(0);
  },
);

test('a member that comes gets its rooms, in order, and the others stay', { timeout: 30_000 }, async () => {
  await using one = await start('ring-1');
  const members = ['ring-1', 'ring-2'];
  const [moving, staying] = [roomOf('ring-2', members), roomOf('ring-1', members)];
  using _ = node.followOwners();
  const [moved, stayed] = [await node.open(moving), await node.open(staying)];
  expect([await say(moving, 'one'), await say(staying, 'one')]).toEqual(['', '']);
  await using two = await start('ring-2');
  await expect.poll(() => one.metric('gala_interaction_partitions_handed_over_total'), soon).toBe(1);
  await expect.poll(() => say(moving, 'two'), soon).toBe('');
  expect(await say(staying, 'two')).toBe('');
  await expect.poll(() => moved.said(), soon).toEqual(['one', 'two']);
  await expect.poll(() => stayed.said(), soon).toEqual(['one', 'two']);
  expect(await two.metric('gala_interaction_rooms')).toBe(1);
  expect(await one.metric('gala_interaction_rooms')).toBe(1);
  expect(await one.metric('gala_interaction_partitions_lost_total')).toBe(0);
});

test('a planned restart hands rooms over, and is hardly seen', { timeout: 30_000 }, async () => {
  await using closing = await start('close-1');
  await using _other = await start('close-2');
  using _ = node.followOwners();
  const room = await node.open(roomOf('close-1', ['close-1', 'close-2'], 2));
  const publisher = new DurablePublisher(node, room.roomId);
  await expect.poll(() => publisher.acknowledged.length, soon).toBeGreaterThan(20);
  publisher.msMax = 0;
  await closing[Symbol.asyncDispose]();
  const before = publisher.acknowledged.length;
  await expect.poll(() => publisher.acknowledged.length, soon).toBeGreaterThan(before + 20);
  await publisher.stop();
  await expect.poll(() => room.said().at(-1), soon).toBe(publisher.acknowledged.at(-1));
  expect(room.said()).toEqual(publisher.acknowledged);
  // The lease of one that has died would take three seconds.
  expect(publisher.msMax).toBeLessThan(2500);
});

test('a lease that is lost ends all saying at once', { timeout: 30_000 }, async () => {
  await using owner = await start('lost-1');
  const room = await node.open(composeRoomId(3, 1));
  expect(await say(room.roomId, 'before')).toBe('');
  await postgres.sql.core().pool.query(
    `update coord_lease set owner = 'another', fence = fence + 1, until = clock_timestamp() + interval '1 hour'
     where job = 'interaction' and partition = $1`,
    [partitionOfRoom(room.roomId)],
  );
  await expect.poll(() => owner.metric('gala_interaction_partitions_lost_total'), soon).toBe(1);
  expect(await owner.metric('gala_interaction_rooms')).toBe(0);
  expect(await say(room.roomId, 'after')).toBe('NOT_OWNER');
});

test('there are as many rooms as may be', { timeout: 30_000 }, async () => {
  await using owner = await start('full-1', { GALA_INTERACTION_ROOMS_MAX: '2' });
  await Promise.all([node.open(composeRoomId(11, 1)), node.open(composeRoomId(12, 1))]);
  const third = { roomId: BigInt(composeRoomId(13, 1)), node: node.id };
  await expect(owner.interaction.openRoom(third)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(await owner.metric('gala_interaction_rooms_refused_total')).toBe(1);
});
