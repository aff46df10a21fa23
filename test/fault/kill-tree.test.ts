import { expect, test } from 'vitest';
import { DataFolder } from '../harness/data-folder.ts';
import { Gala } from '../harness/gala.ts';
import { isAlive, kill } from '../harness/processes.ts';
import { Show } from '../harness/show.ts';
import { waitFor } from '../harness/wait.ts';

const holdMs = 3_000;
const env = { GALA_ROOM_HOLD_MS: String(holdMs) };

/** A new sweeper waits for its lease, gives edges a grace and looks twice before it calls one lost. */
const noticeMs = 8_000;

const pidsOf = (folder: DataFolder): number[] => folder.processes().map(({ pid }) => pid);

test('kill -9 of the whole tree: the next start recovers the database, and the room that was live ends', async () => {
  await using folder = await DataFolder.make();
  await using killed = await Gala.start({ dataFolder: folder.path, env });
  await using show = await Show.start(killed, 'treehost');
  kill(pidsOf(folder));
  await waitFor(() => pidsOf(folder).length === 0, { what: 'the whole tree to be dead' });

  await using gala = await Gala.start({ dataFolder: folder.path, env });
  expect(gala.lines.join('\n')).toMatch(/"adopted":false/);
  const inState = async (state: string) => (await show.room(gala)).state === state;
  await waitFor(() => inState('hold'), { timeoutMs: noticeMs, what: 'the room without a stream to be held' });
  await waitFor(() => inState('ended'), { timeoutMs: holdMs + noticeMs, what: 'the hold to run out' });

  // The installation is whole: the same key begins the next session.
  await using again = await Show.resume(gala, show.host);
  expect(again.roomId).not.toBe(show.roomId);
  await gala.stop();
  expect(folder.processes()).toEqual([]);
});

test('kill -9 of the supervisor: children leave within 2 s, the database is adopted by the next start', async () => {
  await using folder = await DataFolder.make();
  await using killed = await Gala.start({ dataFolder: folder.path, env });
  await using show = await Show.start(killed, 'orphan');
  const roles = (await killed.processes()).map(({ pid }) => pid);
  const serverPid = await folder.postmasterPid();
  const killedAtMs = performance.now();
  kill([killed.pid]);
  await waitFor(() => !roles.some(isAlive), { timeoutMs: 4_000, what: 'the roles to leave' });
  const leftMs = performance.now() - killedAtMs;
  expect(leftMs).toBeLessThan(2_000);
  expect(isAlive(serverPid)).toBe(true);
  await waitFor(() => show.publisher.isClosed, { what: 'the publisher to be told' });

  await using gala = await Gala.start({ dataFolder: folder.path, env });
  expect(gala.lines.join('\n')).toMatch(/"adopted":true/);
  expect(await folder.postmasterPid()).toBe(serverPid);
  await waitFor(async () => (await show.room(gala)).state === 'ended', {
    timeoutMs: holdMs + noticeMs,
    what: 'the room without a stream to end',
  });
  await gala.stop();
  expect(folder.processes()).toEqual([]);
});
