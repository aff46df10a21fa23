import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithEngines } from '../engines.ts';
import { launchBrowser, readFrameNumber, readWatch, watchVideo } from '../harness/browser.ts';
import build from '../harness/build.ts';
import { FfmpegPublisher } from '../harness/ffmpeg.ts';
import { Gala } from '../harness/gala.ts';
import { waitFor } from '../harness/wait.ts';

const watchSeconds = 60;
const latencySecondsMax = 3;
const framesPerSecond = 30;

describeWithEngines('LL-HLS for a minute', ['ffmpeg', 'chromium'], () => {
  let gala: Gala;
  beforeAll(async () => {
    await build();
    gala = await Gala.start();
  });
  afterAll(() => gala[Symbol.asyncDispose]());

  test('hls.js in Chromium stays within three seconds of the encoder and never stalls', async () => {
    const { streamKey } = await gala.createHost('mira');
    await using _ = new FfmpegPublisher({ rtmpUrl: gala.rtmpUrl, streamKey });
    const accepted = () => gala.lines.some((line) => line.includes('publish accepted'));
    await waitFor(accepted, { what: 'publish accepted', everyMs: 5 });
    const beganAtMs = performance.now();
    await waitFor(async () => (await gala.anyone.listLiveRooms({})).rooms.length > 0, { what: 'listed' });
    await using browser = await launchBrowser();
    const page = await browser.newPage();
    await watchVideo(page);
    await page.goto(`${gala.webUrl}/@mira?protocol=ll-hls`);
    await page.locator('[data-player-state="playing"]').waitFor({ timeout: 30_000 });
    const startSeconds = (await readWatch(page)).currentTime;
    const latencies: number[] = [];
    const watched = async (): Promise<boolean> => {
      const number = await readFrameNumber(page);
      latencies.push((performance.now() - beganAtMs) / 1000 - number / framesPerSecond);
      return (await readWatch(page)).currentTime - startSeconds > watchSeconds;
    };
    await waitFor(watched, { what: 'a minute', timeoutMs: 2_000 * watchSeconds, everyMs: 1_000 });
    console.log(JSON.stringify({ worstSeconds: Math.max(...latencies), samples: latencies.length }));
    expect((await readWatch(page)).waiting).toBe(0);
    expect(Math.max(...latencies)).toBeLessThan(latencySecondsMax);
  });
});
