import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestPostgres } from '@gala/lib/sql/testing';
import { composeRoomId } from '@gala/protocol/ids';
import type { ClientSignal } from '@gala/protocol/signals';
import { TestNode } from './testing-node.ts';
import { startOwnersPostgres, startTestProcess, type TestProcess } from './testing.ts';

let postgres: TestPostgres;
let owner: TestProcess;
let node: TestNode;
beforeAll(async () => {
  postgres = await startOwnersPostgres();
  owner = await startTestProcess({ urls: postgres.urls, processId: 'owner-1' });
  node = await TestNode.start(owner);
}, 60_000);
afterAll(async () => {
  await owner[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

let rooms = 0;
const newRoom = (): number => composeRoomId(++rooms, 1);
const speaker = { userId: 7n, name: 'anna', role: 'viewer', device: 'd1', address: '::1' };

function submit(roomId: number, signals: readonly ClientSignal[], clientId = '') {
  const submissions = signals.map((signal) => ({
    roomId: BigInt(roomId),
    speaker,
    connection: 1n,
    clientId,
    signal: Buffer.from(JSON.stringify(signal)),
  }));
  return owner.interaction.submit({ node: node.id, submissions }).then(({ results }) => results);
}

const comment = (text: string): ClientSignal => ({ type: 'comment', text });
const notice = (name: string, signalClass = 'control') =>
  Buffer.from(JSON.stringify({ type: 'notice', class: signalClass, name, data: null }));

function publish(roomId: number, name: string, publishId = '') {
  return owner.interaction.publish({
    roomId: BigInt(roomId),
    publishId,
    by: 'test',
    what: { case: 'signal', value: notice(name) },
  });
}

test('what viewers say is heard in its order', async () => {
  const room = await node.open(newRoom());
  const results = await submit(room.roomId, ['one', 'two', 'three'].map(comment));
  expect(results.map(({ code }) => code)).toEqual(['', '', '']);
  await expect.poll(() => room.said()).toEqual(['one', 'two', 'three']);
  expect(room.signals.map(({ offset }) => offset)).toEqual([1, 2, 3]);
  expect(room.signals[0].signalId).toBe(results[0].signalId);
  expect(room.gaps).toBe(0);
});

test('control is in the log before it is answered, and comes once, however often it is said', async () => {
  const room = await node.open(newRoom());
  const first = await publish(room.roomId, 'a', 'id-1');
  const again = await publish(room.roomId, 'a', 'id-1');
  await publish(room.roomId, 'b', 'id-2');
  await expect.poll(() => room.said()).toEqual(['a', 'b']);
  expect(again.signalId).toBe(first.signalId);
  await expect.poll(() => owner.metric('gala_interaction_durable_followed_total')).toBeGreaterThanOrEqual(2);
});

test('a submission that comes again is answered as before', async () => {
  const room = await node.open(newRoom());
  const [first] = await submit(room.roomId, [comment('once')], 'c1');
  const [again] = await submit(room.roomId, [comment('once')], 'c1');
  expect(again).toEqual(first);
  await submit(room.roomId, [comment('end')]);
  await expect.poll(() => room.said()).toEqual(['once', 'end']);
});

test('a room that is not there, or has ended, says nothing', async () => {
  const [gone, ended] = [newRoom(), newRoom()];
  owner.rooms.unknown.add(gone);
  owner.rooms.ended.add(ended);
  for (const roomId of [gone, ended]) {
    await expect(owner.interaction.openRoom({ roomId: BigInt(roomId), node: node.id })).rejects.toMatchObject(
      {
        code: 'ROOM_SILENT',
      },
    );
    await expect(publish(roomId, 'a')).rejects.toMatchObject({ code: 'ROOM_SILENT' });
  }
  const [result] = await submit(gone, [comment('a')]);
  expect(result.code).toBe('NOT_OWNER');
});

test('a node that was away finds the gap by where the room is, and repairs it', async () => {
  const room = await node.open(newRoom());
  node.isUp = false;
  await submit(room.roomId, [comment('missed')]);
  await publish(room.roomId, 'also');
  await expect.poll(() => owner.metric('gala_interaction_deliveries_failed_total')).toBeGreaterThan(0);
  node.isUp = true;
  await expect.poll(() => room.said()).toEqual(['missed', 'also']);
  expect(room.gaps).toBe(0);
});

test('a node that nobody watches at is not told any more, until it opens the room again', async () => {
  const roomId = newRoom();
  await owner.interaction.openRoom({ roomId: BigInt(roomId), node: node.id });
  await submit(roomId, [comment('nobody hears')]);
  await expect.poll(() => node.deliveries).toBeGreaterThan(0);
  const before = await owner.metric('gala_interaction_deliveries_total');
  await expect.poll(() => owner.metric('gala_interaction_batches_total')).toBeGreaterThan(0);
  await submit(roomId, [comment('still nobody')]);
  const room = await node.open(roomId);
  await submit(roomId, [comment('heard')]);
  await expect.poll(() => room.said()).toContain('heard');
  expect(await owner.metric('gala_interaction_deliveries_total')).toBeGreaterThan(before);
});

test('a peer signal goes to the connections of its users and to nobody else', async () => {
  const room = await node.open(newRoom());
  const present = [7n, 8n, 7n].map((userId, index) => ({
    connection: BigInt(index + 1),
    speaker: { ...speaker, userId, device: `d${index}` },
  }));
  await owner.interaction.reportPresence({
    node: node.id,
    rooms: [{ roomId: BigInt(room.roomId), connections: 3, joined: present, whole: true }],
  });
  const value = { userIds: [7n, 99n], signal: notice('invite', 'host') };
  const what = { case: 'peer', value } as const;
  const { reached } = await owner.interaction.publish({ roomId: BigInt(room.roomId), by: 'test', what });
  expect(reached).toBe(2);
  await expect.poll(() => node.peers.length).toBe(1);
  expect(node.peers[0].connections).toEqual([1n, 3n]);
  expect(JSON.parse(Buffer.from(node.peers[0].signal).toString())).toMatchObject({ name: 'invite' });
  await expect.poll(() => room.state.get('viewers')).toEqual({ count: 2, isApproximate: false });
  expect(room.said()).toEqual([]);
});

test('state is told by its versions', async () => {
  const room = await node.open(newRoom());
  const roomId = BigInt(room.roomId);
  const change = (name: string, value: unknown) => ({
    case: 'state' as const,
    value: { name, value: Buffer.from(JSON.stringify(value)) },
  });
  await owner.interaction.publish({ roomId, by: 'test', what: change('layout', { seats: 2 }) });
  await expect.poll(() => room.state.get('layout')).toEqual({ seats: 2 });
  const all = await owner.interaction.readState({ roomId });
  const known = Object.fromEntries(all.state.map(({ name, version }) => [name, version]));
  expect((await owner.interaction.readState({ roomId, versions: known })).state).toEqual([]);
  await owner.interaction.publish({ roomId, by: 'test', what: change('layout', { seats: 3 }) });
  const { state, stateVersion } = await owner.interaction.readState({ roomId, versions: known });
  expect(state.map(({ name }) => name)).toEqual(['layout']);
  expect(stateVersion).toBeGreaterThan(all.stateVersion);
});
