import { expect, test } from 'vitest';
import { FixturePublisher } from '../harness/fixture-publisher.ts';
import { Gala } from '../harness/gala.ts';
import { kill } from '../harness/processes.ts';
import { Show, stallMs } from '../harness/show.ts';
import { waitFor } from '../harness/wait.ts';

/** Kills one process of the placement table and resolves when its successor is at work. */
async function killAndAwait(gala: Gala, name: string): Promise<void> {
  const before = await gala.processes();
  const dead = before.find((each) => each.name === name)!;
  kill([dead.pid]);
  const isBack = async () => {
    const now = (await gala.processes()).find((each) => each.name === name)!;
    return now.state === 'running' && now.pid !== dead.pid && now.restarts === dead.restarts + 1;
  };
  await waitFor(isBack, { timeoutMs: 30_000, what: `${name} to be back` });
  const others = before.filter((each) => each.name !== name);
  expect((await gala.processes()).filter((each) => each.name !== name)).toEqual(others);
}

/** The room that the room service shows, with the viewers that heart-beats brought it. */
async function awaitViewers(gala: Gala, show: Show, viewers: number): Promise<void> {
  const counted = async () => {
    const room = await show.room(gala).catch(() => undefined);
    return room?.state === 'live' && room.viewers === viewers;
  };
  await waitFor(counted, { what: `${viewers} viewers in the room` });
}

test('with front dead viewers see no stall, the publisher stays, and the room goes on', async () => {
  await using gala = await Gala.start();
  await using show = await Show.start(gala, 'frontless');
  await awaitViewers(gala, show, 1);
  const sinceMs = performance.now();
  for (let kills = 0; kills < 2; kills++) await killAndAwait(gala, 'front');
  await using second = await Show.join(gala, show.roomId);
  await awaitViewers(gala, show, 2);
  expect(show.viewer.gapMsMax(sinceMs)).toBeLessThan(stallMs);
  expect(show.viewer.backwardSteps).toBe(0);
  expect([show.viewer.isEnded, second.isEnded, show.publisher.isClosed]).toEqual([false, false, false]);

  // And once more, long enough for a lost edge or a silent room to be noticed by the new sweeper.
  await waitFor(() => performance.now() - sinceMs > 8_000, { what: 'the sweeper to have looked' });
  expect(await show.room(gala)).toMatchObject({ roomId: show.roomId, state: 'live' });
});

test('with media dead its publishers come back to the same room on the new process', async () => {
  await using gala = await Gala.start();
  await using show = await Show.start(gala, 'medialess');
  await killAndAwait(gala, 'media');
  await waitFor(() => show.publisher.isClosed && show.viewer.isEnded, { what: 'the connections to end' });
  await using back = await Show.resume(gala, show.host);
  expect(back.roomId).toBe(show.roomId);
  await awaitViewers(gala, back, 1);
});

test('--split: each role is restarted and the show goes on without it', async () => {
  await using gala = await Gala.start({ placement: 'split' });
  await using show = await Show.start(gala, 'splithost');
  const sinceMs = performance.now();
  for (const name of ['account', 'reader', 'room', 'interaction', 'gateway', 'scheduler']) {
    await killAndAwait(gala, name);
    await awaitViewers(gala, show, 1);
  }
  expect(show.viewer.gapMsMax(sinceMs)).toBeLessThan(stallMs);
  expect(show.publisher.isClosed).toBe(false);
  await killAndAwait(gala, 'edge');
  const { rtmpUrl } = gala;
  await using back = await FixturePublisher.start({ rtmpUrl, streamKey: show.host.streamKey });
  const resumed = async () => (await show.room(gala)).state === 'live';
  await waitFor(resumed, { what: 'the room to be live again' });
  expect(back.isClosed).toBe(false);
});
