import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithEngines } from '../engines.ts';
import { launchBrowser, readFrameNumber } from '../harness/browser.ts';
import { FfmpegPublisher } from '../harness/ffmpeg.ts';
import { Gala, type TestHost } from '../harness/gala.ts';
import { waitFor } from '../harness/wait.ts';

const broadcastSeconds = 14;
const framesPerSecond = 30;
/** Where a look at the pages is kept for people, if anybody wants one. */
const shots = process.env['SCREENSHOTS'];

/**
 * Goal: a host turns recording on, broadcasts, and viewers of the ended room see it again, at the place they seek.
 * Method: the pages in Chromium; ffmpeg draws the number of each frame into the picture, where it is read back.
 */
describeWithEngines('a replay', ['ffmpeg', 'chromium'], () => {
  let gala: Gala;
  let host: TestHost;
  let browser: Browser;
  let roomId: number;

  beforeAll(async () => {
    gala = await Gala.start();
    host = await gala.createHost('rerun');
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await gala[Symbol.asyncDispose]();
  });

  test('the host turns recording on in the studio', async () => {
    const page = await openStudio();
    const toggle = page.getByTestId('record-switch');
    await toggle.check();
    const isOn = async () => (await gala.operator.getHostMedia({ hostRef: `@${host.name}` })).media.record;
    await waitFor(isOn, { what: 'the setting to be kept' });
    await page.context().close();
  });

  test('who watched to the end may see it again, and seek', async () => {
    const page = await newPage();
    const publisher = new FfmpegPublisher({
      rtmpUrl: gala.rtmpUrl,
      streamKey: host.streamKey,
      seconds: broadcastSeconds,
      framesPerSecond,
    });
    const live = () =>
      gala.anyone.enterRoom({ roomRef: `@${host.name}` }).then(
        ({ room }) => room.state === 'live' && room.roomId,
        () => undefined,
      );
    roomId = (await waitFor(live, { what: 'the room', timeoutMs: 20_000 })) as number;
    await page.goto(`${gala.webUrl}/room/${roomId}`);
    await page.locator('[data-player-state="playing"]').waitFor({ timeout: 20_000 });
    expect(await publisher.ended()).toBe(0);
    await gala.operator.endRoom({ roomId });
    await page.getByTestId('watch-replay').click({ timeout: 20_000 });
    await page.locator('[data-replay-state="ready"]').waitFor({ timeout: 20_000 });
    await expectSeek(page, broadcastSeconds / 2);
    await expectSeek(page, 2);
    await look(page, 'replay');
    await page.context().close();
  }, 90_000);

  test('the page of an ended room offers it to whoever comes later', async () => {
    const page = await newPage();
    await page.goto(`${gala.webUrl}/room/${roomId}`);
    await look(page, 'replay-offer', () => page.getByTestId('watch-replay').waitFor({ timeout: 20_000 }));
    await page.getByTestId('watch-replay').click();
    await page.locator('[data-replay-state="ready"]').waitFor({ timeout: 20_000 });
    await waitFor(async () => (await readFrameNumber(page)) > 10, { what: 'it to play by itself' });
    const { replay } = await gala.anyone.enterRoom({ roomRef: roomId });
    expect(Math.abs(replay!.durationMs - broadcastSeconds * 1000)).toBeLessThan(1_500);
    await page.context().close();
  }, 60_000);

  test('the host sees it in the studio, and deletes it', async () => {
    const page = await openStudio();
    await page.getByTestId('recording').waitFor({ timeout: 20_000 });
    await page.getByTestId('recordings').scrollIntoViewIfNeeded();
    await look(page, 'studio-recordings');
    await page.getByTestId('delete-recording').click();
    await page.getByTestId('delete-recording-yes').click();
    await page.getByTestId('recording').waitFor({ state: 'detached', timeout: 20_000 });
    const isGone = async () => (await gala.anyone.enterRoom({ roomRef: roomId })).replay === undefined;
    await waitFor(isGone, { what: 'no more replay' });
    await waitFor(async () => (await gala.metric('gala_recording_removed_total')) === 1, {
      what: 'the file to be removed',
      timeoutMs: 20_000,
    });
    await page.context().close();
  }, 60_000);

  async function newPage(): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    return context.newPage();
  }

  async function openStudio(): Promise<Page> {
    const page = await newPage();
    await page.goto(`${gala.webUrl}/host`);
    await page.locator('input[name="name"]').fill(host.name);
    await page.locator('input[name="password"]').fill(host.password);
    await page.locator('form button').click();
    await page.getByTestId('studio').waitFor({ timeout: 20_000 });
    return page;
  }

  /** The picture at a place is the one that was sent then. */
  async function expectSeek(page: Page, seconds: number): Promise<void> {
    const front = page.locator('video.front');
    const isPlaying = () =>
      front.evaluate((video: HTMLVideoElement) => !video.seeking && video.currentTime > 0.3);
    await waitFor(isPlaying, { what: 'it to play' });
    await front.evaluate((video: HTMLVideoElement) => video.pause());
    await page.getByTestId('seek').fill(String(seconds));
    const settled = () =>
      front.evaluate(
        (video: HTMLVideoElement) => !video.seeking && video.readyState >= 2 && video.currentTime,
      );
    const at = await waitFor(
      async () => {
        const time = await settled();
        return time !== false && Math.abs(time - seconds) < 0.2 ? time : undefined;
      },
      { what: `the picture at ${seconds} s` },
    );
    const wanted = at * framesPerSecond;
    await waitFor(async () => Math.abs((await readFrameNumber(page)) - wanted) <= 3, {
      what: `frame ${wanted}, not ${await readFrameNumber(page)}`,
    });
  }

  async function look(page: Page, name: string, ready: () => Promise<void> = async () => undefined) {
    await ready();
    if (!shots) return;
    await mkdir(shots, { recursive: true });
    await page.screenshot({ path: join(shots, `${name}.png`) });
  }
});
