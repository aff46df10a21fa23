import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithEngines } from '../engines.ts';
import { launchBrowser, readWatch, watchVideo } from '../harness/browser.ts';
import { FfmpegPublisher } from '../harness/ffmpeg.ts';
import { Gala } from '../harness/gala.ts';
import { HlsFollower } from '../harness/hls-follower.ts';
import { FragmentInspector, TransportInspector } from '../harness/hls-media.ts';
import { HlsPages } from '../harness/hls-page.ts';
import { writeTwoSizes } from '../harness/two-sizes.ts';
import { waitFor } from '../harness/wait.ts';

const patient = { timeoutMs: 30_000 };

/** Goal: an encoder that changes its picture without reconnecting loses no viewer, whatever it plays. */
describeWithEngines('a picture that changes its size', ['ffmpeg', 'chromium'], () => {
  let gala: Gala;
  let browser: Browser;
  let pages: HlsPages;
  let folder: string;

  beforeAll(async () => {
    gala = await Gala.start();
    browser = await launchBrowser();
    pages = await HlsPages.serve(browser);
    folder = await mkdtemp(join(tmpdir(), 'gala-sizes-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
    await pages[Symbol.asyncDispose]();
    await browser.close();
    await gala[Symbol.asyncDispose]();
  });

  test.each([
    { name: 'with a new sequence header', hostName: 'header', inBand: false },
    { name: 'in its key frames alone', hostName: 'inband', inBand: true },
  ])('$name: hls.js, MPEG-TS and WS-FLV go on', async ({ hostName, inBand }) => {
    const file = await writeTwoSizes({ folder, inBand });
    const host = await gala.createHost(hostName);
    await using _ = new FfmpegPublisher({ rtmpUrl: gala.rtmpUrl, streamKey: host.streamKey, file });
    const isLive = async () =>
      (await gala.anyone.listLiveRooms({})).rooms.some((room) => room.hostName === hostName);
    await waitFor(isLive, { what: 'live', ...patient });
    const url = `${gala.liveUrl}/live/@${hostName}.m3u8`;
    const followers = [
      new HlsFollower({ url, inspector: new FragmentInspector() }),
      new HlsFollower({ url: `${url}?container=ts`, inspector: new TransportInspector() }),
    ];
    const over = followers.map((follower) => follower.follow());
    await using player = await pages.open(url);
    const room = await openRoom(browser, `${gala.webUrl}/@${hostName}?protocol=ws-flv`);
    for (const width of [640, 320]) {
      for (const page of [player.page, room]) {
        await waitFor(async () => (await widthOf(page)) === width, { what: `${width} wide`, ...patient });
      }
    }
    for (const page of [player.page, room]) {
      const { frames } = await readWatch(page);
      await waitFor(async () => (await readWatch(page)).frames > frames + 60, {
        what: 'it goes on',
        ...patient,
      });
    }
    await waitFor(() => followers.every(({ discontinuities }) => discontinuities > 0), {
      what: 'discontinuities',
      ...patient,
    });
    for (const follower of followers) follower.stop();
    await Promise.all(over);
    for (const { issues, discontinuities } of followers) expect([issues, discontinuities]).toEqual([[], 1]);
    expect((await player.hls()).fatal).toEqual([]);
    await room.context().close();
  });
});

async function openRoom(browser: Browser, url: string): Promise<Page> {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  await watchVideo(page);
  await page.goto(url);
  return page;
}

function widthOf(page: Page): Promise<number> {
  return page.evaluate(() => document.querySelector<HTMLVideoElement>('video.front')?.videoWidth ?? 0);
}
