import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { killOwner, startInteractionOwner } from '../../../test/harness/interaction-owner.ts';
import type { TestPostgres } from '@gala/lib/sql/testing';
import { ringFirst } from '@gala/lib/ring';
import { composeRoomId } from '@gala/protocol/ids';
import { partitionOfRoom, ringKeyOfPartition } from '@gala/protocol/signals';
import { TestNode } from './testing-node.ts';
import { DurablePublisher } from './testing-publisher.ts';
import { startOwnersPostgres, startTestProcess, type TestProcess } from './testing.ts';

let postgres: TestPostgres;
let caller: TestProcess;
let node: TestNode;
const children: ChildProcess[] = [];
beforeAll(async () => {
  postgres = await startOwnersPostgres();
  caller = await startTestProcess({ urls: postgres.urls, processId: 'node-1', isOwner: false });
  node = await TestNode.start(caller);
}, 60_000);
afterAll(async () => {
  await Promise.all(children.map(killOwner));
  await caller[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

async function start(processId: string): Promise<ChildProcess> {
  const child = await startInteractionOwner({ urls: postgres.urls, processId });
  children.push(child);
  return child;
}

/** A room that is the first member's as long as it is there. */
function roomOf(first: string, members: readonly string[]): number {
  for (let host = 1; ; host++) {
    const roomId = composeRoomId(host, 1);
    if (ringFirst(members, ringKeyOfPartition(partitionOfRoom(roomId))) === first) return roomId;
  }
}

test(
  'an owner that is killed loses nothing of what it acknowledged, nor its order',
  { timeout: 60_000 },
  async () => {
    const [one] = await Promise.all([start('owner-a'), start('owner-b')]);
    using _ = node.followOwners();
    const room = await node.open(roomOf('owner-a', ['owner-a', 'owner-b']));
    const publisher = new DurablePublisher(node, room.roomId);
    await expect.poll(() => publisher.acknowledged.length, { timeout: 10_000 }).toBeGreaterThan(50);
    const killedMs = performance.now();
    const before = publisher.acknowledged.length;
    await killOwner(one);
    await expect
      .poll(() => publisher.acknowledged.length, { timeout: 20_000, interval: 20 })
      .toBeGreaterThan(before + 1);
    const backMs = performance.now() - killedMs;
    await expect.poll(() => publisher.acknowledged.length, { timeout: 10_000 }).toBeGreaterThan(before + 20);
    await publisher.stop();
    await expect.poll(() => room.said().at(-1)).toBe(publisher.acknowledged.at(-1));
    expect(room.said()).toEqual(publisher.acknowledged);
    expect(backMs).toBeLessThan(12_000);
  },
);
