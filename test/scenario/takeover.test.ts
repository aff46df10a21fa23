import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FixturePublisher } from '../harness/fixture-publisher.ts';
import { Gala, type Placement } from '../harness/gala.ts';
import { Show } from '../harness/show.ts';
import { waitFor } from '../harness/wait.ts';

const tries = 20;
const promiseMs = 200;

/** Goal: the newest publisher wins at once, and viewers notice nothing but the new picture. */
describe.each<Placement>(['default', 'one'])('takeover in placement %s', (placement) => {
  let gala: Gala;
  let show: Show;

  beforeAll(async () => {
    gala = await Gala.start({ placement });
    show = await Show.start(gala, 'alice');
  });
  afterAll(async () => {
    await show[Symbol.asyncDispose]();
    await gala[Symbol.asyncDispose]();
  });

  test(`the first key frame of each of ${tries} new publishers is at the viewer within ${promiseMs} ms`, async () => {
    const { rtmpUrl } = gala;
    const { viewer, host } = show;
    const tookMs: number[] = [];
    let before = show.publisher;
    for (let index = 0; index < tries; index++) {
      const publisher = await FixturePublisher.start({ rtmpUrl, streamKey: host.streamKey });
      const acceptedAtMs = performance.now();
      const arrived = await waitFor(
        () => viewer.arrivals.find(({ atMs, isKeyFrame }) => isKeyFrame && atMs >= acceptedAtMs),
        { what: 'a key frame of the new publisher', everyMs: 2 },
      );
      tookMs.push(arrived.atMs - acceptedAtMs);
      await waitFor(() => before.isClosed, { what: 'the old publisher closed' });
      expect(before.statuses.at(-1)?.code).toBe('NetStream.Publish.BadName');
      before = publisher;
    }
    console.log(`takeover to key frame, worst of ${tries}: ${Math.max(...tookMs).toFixed(1)} ms`);
    expect(Math.max(...tookMs)).toBeLessThan(promiseMs);
    expect(viewer.isEnded).toBe(false);
    expect(viewer.backwardSteps).toBe(0);
    expect((await show.room(gala)).roomId).toBe(show.roomId);
    await before[Symbol.asyncDispose]();
  });
});
