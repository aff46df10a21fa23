import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { composeRoomId } from '@gala/protocol/ids';
import { killOwner, startInteractionOwner } from '../../../test/harness/interaction-owner.ts';
import { TestNode } from './testing-node.ts';
import { DurablePublisher } from './testing-publisher.ts';
import { startOwnersPostgres, startTestProcess } from './testing.ts';

const rounds = 40;
const roomsAtOnce = 8;

test('forty owners that are killed or closed, one after the other: no acknowledged signal is lost, none out of order', async () => {
  await using stack = new AsyncDisposableStack();
  const { urls } = stack.use(await startOwnersPostgres());
  const caller = stack.use(await startTestProcess({ urls, processId: 'node-1', isOwner: false }));
  const node = await TestNode.start(caller);
  const owners = new Map<string, ChildProcess>();
  stack.defer(async () => void (await Promise.all([...owners.values()].map(killOwner))));
  let serial = 0;
  const start = async (): Promise<void> => {
    const processId = `owner-${++serial}`;
    owners.set(processId, await startInteractionOwner({ urls, processId }));
  };
  await Promise.all([start(), start()]);
  using _ = node.followOwners();
  const roomIds = Array.from({ length: roomsAtOnce }, (_, index) => composeRoomId(index + 1, 1));
  const rooms = await Promise.all(roomIds.map((roomId) => node.open(roomId)));
  const publishers = roomIds.map((roomId) => new DurablePublisher(node, roomId, 100 / roomsAtOnce));
  const silences: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await start();
    const before = publishers.map(({ acknowledged }) => acknowledged.length);
    const grown = () =>
      publishers.every(({ acknowledged }, index) => acknowledged.length > before[index] + 5);
    await expect.poll(grown, { timeout: 30_000 }).toBe(true);
    // The longest that one had to wait since the last owner went.
    silences.push(...publishers.map(({ msMax }) => msMax));
    for (const publisher of publishers) publisher.msMax = 0;
    const [[id, child]] = owners;
    owners.delete(id);
    if (round % 4 === 3) child.kill('SIGTERM');
    if (round % 4 === 3) await once(child, 'exit');
    else await killOwner(child);
  }
  await Promise.all(publishers.map((publisher) => publisher.stop()));
  for (const [index, { acknowledged }] of publishers.entries()) {
    await expect.poll(() => rooms[index].said().at(-1), { timeout: 10_000 }).toBe(acknowledged.at(-1));
    expect(rooms[index].said()).toEqual(acknowledged);
  }
  const said = publishers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
  const msMax = Math.round(Math.max(...publishers.map((publisher) => publisher.msMax), ...silences));
  console.table([{ said, rounds, msMax }]);
}, 600_000);
