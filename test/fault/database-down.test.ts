import { ApiError } from '@gala/sdk/room';
import { expect, test } from 'vitest';
import { DataFolder } from '../harness/data-folder.ts';
import { FixturePublisher, refusedPublish } from '../harness/fixture-publisher.ts';
import { Gala } from '../harness/gala.ts';
import { kill, suspend } from '../harness/processes.ts';
import { Show, stallMs } from '../harness/show.ts';
import { waitFor } from '../harness/wait.ts';

/** The edge asks for 2.5 s, an encoder waits longer. */
const decisionMs = 3_500;
/** Roles wait 5 s for each other at most. */
const callMs = 6_000;

/** The room is live, and shows the viewer whom the heart-beats count. */
const isCounted = (show: Show, gala: Gala) => async (): Promise<boolean> => {
  const room = await show.room(gala).catch(() => undefined);
  return room?.state === 'live' && room.viewers === 1;
};

const codeOf = (answer: object) => answer instanceof ApiError && `${answer.status} ${answer.code}`;

test('a database that hangs: shows go on, known keys return, others get a clear error, no restart is needed', async () => {
  await using folder = await DataFolder.make();
  await using gala = await Gala.start({ dataFolder: folder.path });
  await using show = await Show.start(gala, 'steady');
  await using returning = await Show.start(gala, 'returning');
  const stranger = await gala.createHost('stranger');
  const pidsBefore = (await gala.processes()).map(({ pid }) => pid);
  const server = folder.databaseProcesses().map(({ pid }) => pid);
  expect(server.length).toBeGreaterThan(5);
  const sinceMs = performance.now();
  await suspend(server);

  // A publisher who was here a moment ago comes back while nobody can be asked.
  await returning.publisher[Symbol.asyncDispose]();
  const { rtmpUrl } = gala;
  await using back = await FixturePublisher.start({ rtmpUrl, streamKey: returning.host.streamKey });

  const refusal = await refusedPublish({ rtmpUrl, streamKey: stranger.streamKey });
  expect(refusal.tookMs).toBeLessThan(decisionMs);
  expect(refusal.error).toMatchObject({ code: 'RTMP_REFUSED', detail: 'NetStream.Publish.Failed' });
  expect(refusal.statuses.at(-1)?.description).toMatch(/^(UNAVAILABLE|DEADLINE_EXCEEDED): [a-z ]+$/);

  // On a connection that still stands the answer is waited for as long as a call may take, a new one is not made.
  const askedAtMs = performance.now();
  const asked = gala.operator.createHost({ name: 'nobody', password: 'nobody-password' });
  const outage = await asked.catch((error: unknown) => error as ApiError);
  expect(['503 UNAVAILABLE', '504 DEADLINE_EXCEEDED']).toContain(codeOf(outage));
  expect(performance.now() - askedAtMs).toBeLessThan(callMs);

  await waitFor(() => performance.now() - sinceMs > 8_000, { what: 'leases and members to have run out' });
  expect(show.viewer.gapMsMax(sinceMs)).toBeLessThan(stallMs);
  kill(server, 'SIGCONT');
  const wellAtMs = performance.now();

  await using fresh = await waitFor(
    () => FixturePublisher.start({ rtmpUrl, streamKey: stranger.streamKey }).catch(() => undefined),
    { what: 'a new publisher to be admitted' },
  );
  for (const each of [show, returning]) {
    await waitFor(isCounted(each, gala), { what: 'heart-beats to arrive again' });
  }
  // Rooms that lived through it stay alive once the sweeper may call edges lost again.
  await waitFor(() => performance.now() - wellAtMs > 8_000, { what: 'the grace after an outage to pass' });
  expect(await show.room(gala)).toMatchObject({ state: 'live' });
  expect(await returning.room(gala)).toMatchObject({ state: 'live' });
  expect((await gala.processes()).map(({ pid }) => pid)).toEqual(pidsBefore);
  expect([show.publisher, back, fresh].map(({ isClosed }) => isClosed)).toEqual([false, false, false]);
  expect(show.viewer.gapMsMax(sinceMs)).toBeLessThan(stallMs);
  expect(await gala.metric('gala_edge_publishes_from_memory_total')).toBe(1);
});

test('kill -9 of the database server: it is back on its port and nobody noticed', async () => {
  await using folder = await DataFolder.make();
  await using gala = await Gala.start({ dataFolder: folder.path });
  await using show = await Show.start(gala, 'crashsite');
  await waitFor(isCounted(show, gala), { what: 'the viewer to be counted' });
  const pidsBefore = (await gala.processes()).map(({ pid }) => pid);
  const sinceMs = performance.now();
  const serverPid = await folder.postmasterPid();
  kill([serverPid]);
  await waitFor(async () => (await folder.postmasterPid().catch(() => serverPid)) !== serverPid, {
    what: 'a new server',
  });
  // A try that got no answer may have made its host all the same, so that the next one needs another name.
  let tries = 0;
  const another = () => gala.createHost(`afterwards${tries++}`).catch(() => undefined);
  await waitFor(another, { timeoutMs: 15_000, what: 'the database to take writes' });
  // The crash emptied the table of the counts, which the next heart-beats fill again; who asks sees nothing of it.
  const wellAtMs = performance.now();
  const seen = new Set<string>();
  const haveBeaten = async () => {
    const { state, viewers } = await show.room(gala);
    seen.add(`${state} ${viewers}`);
    return performance.now() - wellAtMs > 3_000;
  };
  await waitFor(haveBeaten, { what: 'heart-beats to have come' });
  expect([...seen]).toEqual(['live 1']);
  expect(show.viewer.gapMsMax(sinceMs)).toBeLessThan(stallMs);
  expect((await gala.processes()).map(({ pid }) => pid)).toEqual(pidsBefore);
  await gala.stop();
  expect(folder.processes()).toEqual([]);
});
