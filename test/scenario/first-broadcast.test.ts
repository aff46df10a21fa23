import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWithEngines, enginePath } from '../engines.ts';
import { launchBrowser, readFrameNumber, readWatch, watchVideo } from '../harness/browser.ts';
import { FfmpegPublisher } from '../harness/ffmpeg.ts';
import { Gala, type Placement, type TestHost } from '../harness/gala.ts';
import { waitFor } from '../harness/wait.ts';

const run = promisify(execFile);
/** Timing asserts are three times the promise; the promise itself is measured in bench/. */
const slack = 3;
const watchMs = 10_000;

describeWithEngines('the first broadcast', ['ffmpeg', 'chromium'], () => {
  describe.each<Placement>(['default', 'one'])('placement %s', (placement) => {
    let gala: Gala;
    let host: TestHost;
    let publisher: FfmpegPublisher;
    let browser: Browser;

    beforeAll(async () => {
      gala = await Gala.start({ placement, env: { GALA_ROOM_HOLD_MS: '3000' } });
      host = await gala.createHost('alice');
      browser = await launchBrowser();
    });
    afterAll(async () => {
      await browser.close();
      await publisher[Symbol.asyncDispose]();
      await gala[Symbol.asyncDispose]();
    });

    test('a real ffmpeg publishes, and the room is listed within a second', async () => {
      publisher = new FfmpegPublisher({ rtmpUrl: gala.rtmpUrl, streamKey: host.streamKey });
      const accepted = () => gala.lines.some((line) => line.includes('publish accepted'));
      await waitFor(accepted, { what: 'publish accepted', everyMs: 5 });
      const acceptedAtMs = performance.now();
      const room = await waitFor(async () => (await gala.anyone.listLiveRooms({})).rooms[0], {
        what: 'listed',
      });
      expect(performance.now() - acceptedAtMs).toBeLessThan(1000);
      expect(room).toMatchObject({ hostName: 'alice', state: 'live' });
    });

    test('Chromium plays WS-FLV and HTTP-FLV side by side without a stall', async () => {
      await waitFor(() => isLive(gala, host), { what: 'live' });
      const pages = await Promise.all(['ws-flv', 'http-flv'].map((way) => playSmoothly(browser, gala, way)));
      const framings = (await gala.viewersOf(host)).map(({ framing }) => framing);
      expect(framings.toSorted()).toEqual(['flv', 'webSocket']);
      await Promise.all(pages.map((page) => page.context().close()));
    });

    test('eight tabs play at once', async () => {
      const pages = await Promise.all(
        Array.from({ length: 8 }, () => openRoom(browser, `${gala.webUrl}/@alice`)),
      );
      for (const page of pages) {
        await waitFor(async () => (await readWatch(page)).frames > 10, {
          what: 'pictures in each tab',
          timeoutMs: 20_000,
        });
      }
      await waitFor(async () => (await gala.anyone.listLiveRooms({})).rooms[0]?.viewers === 8, {
        what: '8 viewers shown',
      });
      await Promise.all(pages.map((page) => page.context().close()));
    });

    test('ffprobe reads H.264 and AAC with rising DTS over HTTP-FLV and RTMP', async () => {
      const urls = [`${gala.liveUrl}/live/@alice.flv`, `${gala.rtmpUrl}/@alice`];
      await Promise.all(urls.map(expectRisingDts));
    });

    test('the end: hold, then ended, and the page says so', async () => {
      const page = await openRoom(browser, `${gala.webUrl}/@alice`);
      await waitFor(async () => (await readWatch(page)).frames > 10, { what: 'pictures' });
      const { room } = await gala.anyone.enterRoom({ roomRef: '@alice' });
      await publisher.stop();
      const stateIs = async (state: string) =>
        (await gala.anyone.getRoom({ roomId: room.roomId })).room.state === state;
      await waitFor(() => stateIs('hold'), { what: 'hold' });
      await waitFor(() => stateIs('ended'), { what: 'ended', timeoutMs: 10_000 });
      await page.locator('[data-player-state="ended"]').waitFor({ timeout: 10_000 });
      // A page of the list is kept for a moment.
      const isListed = async () => (await gala.anyone.listLiveRooms({})).rooms.length > 0;
      await waitFor(async () => !(await isListed()), { what: 'the room to leave the list' });
    });
  });
});

async function isLive(gala: Gala, host: TestHost): Promise<boolean> {
  const { rooms } = await gala.anyone.listLiveRooms({});
  return rooms.some((room) => room.hostId === host.hostId && room.state === 'live');
}

/** Opens the room with one protocol, and sees the first picture and ten seconds more. */
async function playSmoothly(browser: Browser, gala: Gala, protocol: string): Promise<Page> {
  const page = await openRoom(browser, `${gala.webUrl}/@alice?protocol=${protocol}`);
  const first = await waitFor(async () => (await readWatch(page)).firstFrameMs, { what: 'first picture' });
  expect(first).toBeLessThan(1500 * slack);
  await expectSmoothPlay(page);
  return page;
}

async function expectRisingDts(url: string): Promise<void> {
  const { stdout } = await run(enginePath('ffmpeg').replace(/ffmpeg$/, 'ffprobe'), [
    ...'-v error -show_entries packet=codec_type,dts:stream=codec_name -of json'.split(' '),
    ...`-read_intervals %+4 ${url}`.split(' '),
  ]);
  const probe = JSON.parse(stdout) as {
    streams: { codec_name: string }[];
    packets: { codec_type: string; dts: number }[];
  };
  expect(probe.streams.map((stream) => stream.codec_name).toSorted()).toEqual(['aac', 'h264']);
  for (const type of ['audio', 'video']) {
    const dts = probe.packets.filter((packet) => packet.codec_type === type).map((packet) => packet.dts);
    expect(dts.length).toBeGreaterThan(50);
    expect(dts.every((value, index) => index === 0 || value > dts[index - 1])).toBe(true);
  }
}

async function openRoom(browser: Browser, url: string): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  await watchVideo(page);
  await page.goto(url);
  return page;
}

/** Ten seconds without a `waiting` event, in real time, while the frame number in the picture goes up. */
async function expectSmoothPlay(page: Page): Promise<void> {
  const before = await readWatch(page);
  const number = await readFrameNumber(page);
  const beganAtMs = performance.now();
  await waitFor(() => performance.now() - beganAtMs >= watchMs, {
    what: 'ten seconds',
    timeoutMs: 2 * watchMs,
  });
  const after = await readWatch(page);
  const elapsedS = (performance.now() - beganAtMs) / 1000;
  expect(after.waiting - before.waiting).toBe(0);
  expect(after.currentTime - before.currentTime).toBeGreaterThan(elapsedS - 0.2);
  expect(await readFrameNumber(page)).toBeGreaterThan(number + 200);
}
