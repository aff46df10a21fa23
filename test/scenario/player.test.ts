import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { PlayUrl } from '@gala/protocol/rest';
import { describeWithEngines } from '../engines.ts';
import {
  frontGapMs,
  launchBrowser,
  readFrameNumber,
  readWatch,
  watchFront,
  watchVideo,
} from '../harness/browser.ts';
import { FfmpegPublisher } from '../harness/ffmpeg.ts';
import { FixturePublisher } from '../harness/fixture-publisher.ts';
import { FlvServer } from '../harness/flv-server.ts';
import { Gala, type TestHost } from '../harness/gala.ts';
import { waitFor } from '../harness/wait.ts';

/** A change is seen as a stall when no new picture comes for so long; a busy machine is forgiven some. */
const gapMsMax = 700;
const framesPerSecond = 30;
const latencySecondsMax = 3;

let browser: Browser;
beforeAll(async () => void (browser = await launchBrowser()));
afterAll(() => browser.close());
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
});

describeWithEngines('the player', ['ffmpeg', 'chromium'], () => {
  let gala: Gala;
  let host: TestHost;
  let publisher: FfmpegPublisher;
  /** `performance.now()` when picture 0 was at the edge. */
  let beganAtMs: number;

  beforeAll(async () => {
    gala = await Gala.start();
    host = await gala.createHost('mira');
    publisher = new FfmpegPublisher({ rtmpUrl: gala.rtmpUrl, streamKey: host.streamKey });
    await waitFor(() => gala.lines.some((line) => line.includes('publish accepted')), {
      what: 'publish accepted',
      everyMs: 5,
    });
    beganAtMs = performance.now();
    await waitFor(async () => (await gala.anyone.listLiveRooms({})).rooms.length > 0, { what: 'listed' });
  });
  afterAll(async () => {
    await publisher[Symbol.asyncDispose]();
    await gala[Symbol.asyncDispose]();
  });

  const open = (query = ''): Promise<Page> => openPage(`${gala.webUrl}/@mira${query}`);

  test('without WebSockets it plays by HTTP-FLV, and says why', async () => {
    const page = await openPage(`${gala.webUrl}/@mira`, blockSockets);
    await playing(page, 'http-flv');
    await openMenu(page);
    const panel = page.getByTestId('player-menu-panel');
    expect(await panel.innerText()).toMatch(/Now HTTP-FLV[^]*WebSocket-FLV\s+could not be reached/);
    expect(await gala.viewersOf(host)).toMatchObject([{ framing: 'flv' }]);
  });

  test('with FLV blocked altogether it plays LL-HLS at most three seconds behind, without a stall', async () => {
    const page = await openPage(`${gala.webUrl}/@mira`, async (fresh) => {
      await blockSockets(fresh);
      await fresh.route(/\.flv\?/, (route) => route.abort());
    });
    const named = page.getByTestId('failed-ways');
    await named.waitFor();
    expect(await named.innerText()).toMatch(/WebSocket-FLV: could not be reached/);
    await playing(page, 'll-hls');
    const before = await readWatch(page);
    await waitFor(async () => (await readWatch(page)).currentTime > before.currentTime + 10, {
      what: 'ten seconds of LL-HLS',
      timeoutMs: 30_000,
    });
    expect((await readWatch(page)).waiting - before.waiting).toBe(0);
    expect(await latencySeconds(page)).toBeLessThan(latencySecondsMax);
  });

  test('another latency and another way take over without a stall', async () => {
    const page = await open();
    await playing(page, 'ws-flv');
    await watchFront(page);
    await openMenu(page);
    await page.getByRole('radio', { name: 'Realtime' }).check();
    await waitFor(async () => (await gala.viewersOf(host)).some(({ latency }) => latency === 'realtime'), {
      what: 'a realtime viewer',
    });
    await waitFor(async () => (await gala.viewersOf(host)).length === 1, {
      what: 'the old connection closed',
    });
    await page.getByRole('radio', { name: 'LL-HLS' }).check();
    await playing(page, 'll-hls');
    await page.getByRole('radio', { name: 'HTTP-FLV' }).check();
    await playing(page, 'http-flv');
    expect(await frontGapMs(page)).toBeLessThan(gapMsMax);
    expect(page.url()).toContain('protocol=http-flv');
  });

  test('a way that cannot be opened leaves the picture alone', async () => {
    const page = await open('?protocol=http-flv');
    await playing(page, 'http-flv');
    await watchFront(page);
    await page.routeWebSocket(/\.flv/, (socket) => socket.close());
    await openMenu(page);
    await page.getByRole('radio', { name: 'WebSocket-FLV' }).check();
    await page.getByText('That could not be opened').waitFor();
    await playing(page, 'http-flv');
    expect(await frontGapMs(page)).toBeLessThan(gapMsMax);
  });

  test('who chose a way that does not work here is offered the others', async () => {
    const page = await openPage(`${gala.webUrl}/@mira?protocol=ws-flv`, blockSockets);
    await page.locator('[data-player-cause="edge-unreachable"]').waitFor();
    await page.getByRole('button', { name: 'Choose automatically' }).click();
    await playing(page, 'http-flv');
  });

  test('the menu is of the keyboard too', async () => {
    const page = await open();
    await playing(page, 'ws-flv');
    await page.getByTestId('player-menu').focus();
    await page.keyboard.press('Enter');
    await page.getByTestId('player-menu-panel').waitFor();
    await page.getByRole('radio', { name: 'Low' }).focus();
    await page.keyboard.press('ArrowDown');
    expect(page.url()).toContain('latency=economy');
    await page.keyboard.press('Escape');
    await page.getByTestId('player-menu-panel').waitFor({ state: 'detached' });
    expect(await page.evaluate(() => document.activeElement?.getAttribute('data-testid'))).toBe(
      'player-menu',
    );
  });

  test('a codec that the browser lacks is named, and the sound is offered', async () => {
    const { play } = await gala.anyone.enterRoom({ roomRef: '@mira' });
    expect(play[0]?.mime).toMatch(/^video\/mp4; codecs="avc1\.[0-9A-F]{6},mp4a\.40\.2"$/i);
    const page = await openPage(`${gala.webUrl}/@mira`, async (fresh) => {
      await fresh.addInitScript(() => {
        MediaSource.isTypeSupported = (type) => !type.includes('avc1');
      });
    });
    await page.locator('[data-player-cause="codec-missing"]').waitFor();
    expect(await page.getByTestId('player-message').innerText()).toContain('cannot play H.264 video');
    await page.getByRole('button', { name: 'Sound only' }).click();
    await playing(page, 'ws-flv');
    expect(page.url()).toContain('quality=audio');
    expect(
      await page.evaluate(() => document.querySelector<HTMLVideoElement>('video.front')?.videoWidth),
    ).toBe(0);
  });

  async function latencySeconds(page: Page): Promise<number> {
    const number = await readFrameNumber(page);
    return (performance.now() - beganAtMs) / 1000 - number / framesPerSecond;
  }
});

describeWithEngines('the quality', ['ffmpeg', 'chromium'], () => {
  let gala: Gala;
  let publisher: FfmpegPublisher;

  beforeAll(async () => {
    gala = await Gala.start();
    const { streamKey } = await gala.createHost('opal');
    publisher = new FfmpegPublisher({ rtmpUrl: gala.rtmpUrl, streamKey, width: 960, height: 540 });
  });
  afterAll(async () => {
    await publisher[Symbol.asyncDispose]();
    await gala[Symbol.asyncDispose]();
  });

  test('a rendition of the answer, the sound alone and the source again take over without a stall', async () => {
    await waitFor(async () => (await playOf(gala, '@opal')).some(({ rendition }) => rendition === '360p'), {
      what: 'a rendition in the answer',
      timeoutMs: 20_000,
    });
    const page = await openPage(`${gala.webUrl}/@opal`);
    await playing(page, 'ws-flv');
    await watchFront(page);
    await openMenu(page);
    await page.getByRole('radio', { name: '360p' }).check();
    await waitFor(async () => (await frontLines(page)) === 360, { what: '360 lines', timeoutMs: 20_000 });
    await page.getByRole('radio', { name: 'Source' }).check();
    await waitFor(async () => (await frontLines(page)) === 540, { what: '540 lines', timeoutMs: 20_000 });
    expect(await frontGapMs(page)).toBeLessThan(gapMsMax);
    await page.getByRole('radio', { name: 'Sound only' }).check();
    await waitFor(async () => (await frontLines(page)) === 0, { what: 'no picture' });
    await playing(page, 'ws-flv');
  });
});

describeWithEngines('a move to another edge', ['chromium'], () => {
  let gala: Gala;
  let publisher: FixturePublisher;
  let first: FlvServer;
  let second: FlvServer;

  beforeAll(async () => {
    first = await FlvServer.start();
    second = await FlvServer.start();
    gala = await Gala.start({ env: { GALA_GATEWAY_LIVE_URL: first.url } });
    const { streamKey } = await gala.createHost('nora');
    publisher = await FixturePublisher.start({ rtmpUrl: gala.rtmpUrl, streamKey });
    await waitFor(async () => (await gala.anyone.listLiveRooms({})).rooms.length > 0, { what: 'listed' });
  });
  afterAll(async () => {
    await publisher[Symbol.asyncDispose]();
    await gala[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();
  });

  test('the picture goes on from there without a stall', async () => {
    const page = await openPage(`${gala.webUrl}/@nora?protocol=http-flv`);
    await playing(page, 'http-flv');
    await watchFront(page);
    first.sendScript('onGalaMove', { url: second.url, reason: 'drain' });
    await waitFor(() => second.viewerCount === 1, { what: 'a viewer of the second edge' });
    await waitFor(() => first.viewerCount === 0, { what: 'the first connection closed' });
    expect(await frontGapMs(page)).toBeLessThan(gapMsMax);
    await page.locator('[data-player-state="playing"]').waitFor();
  });

  test('a move that leads nowhere changes nothing until the stream ends, then it connects again', async () => {
    const page = await openPage(`${gala.webUrl}/@nora?protocol=http-flv`);
    await playing(page, 'http-flv');
    await watchFront(page);
    first.sendScript('onGalaMove', { url: 'http://127.0.0.1:9', reason: 'drain' });
    const frames = (await readWatch(page)).frames;
    await waitFor(async () => (await readWatch(page)).frames > frames + 75, { what: 'three seconds more' });
    expect(await frontGapMs(page)).toBeLessThan(gapMsMax);
    expect(first.viewerCount).toBe(1);
    first.endAll();
    await waitFor(() => first.viewerCount === 0, { what: 'the end' });
    await waitFor(() => first.viewerCount === 1, { what: 'connected again' });
    await playing(page, 'http-flv');
  });
});

describe('what the tests measure', () => {
  test('a picture that stands is seen as a gap', async () => {
    const page = await openPage('about:blank');
    await page.setContent('<video class="front"></video>');
    await watchFront(page);
    await waitFor(async () => (await frontGapMs(page)) > gapMsMax, { what: 'a gap' });
  });
});

async function openPage(url: string, prepare?: (page: Page) => Promise<void>): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' });
  const page = await context.newPage();
  await watchVideo(page);
  await prepare?.(page);
  await page.goto(url);
  return page;
}

const blockSockets = (page: Page): Promise<void> =>
  page.routeWebSocket(/\.flv/, (socket) => void socket.close());

/** What `enter` lists; nothing before the room is there. */
const playOf = (gala: Gala, roomRef: string): Promise<PlayUrl[]> =>
  gala.anyone.enterRoom({ roomRef }).then(
    ({ play }) => play,
    () => [],
  );

const frontLines = (page: Page): Promise<number | undefined> =>
  page.evaluate(() => document.querySelector<HTMLVideoElement>('video.front')?.videoHeight);

async function playing(page: Page, way: string): Promise<void> {
  await page.locator(`[data-player-state="playing"][data-player-way="${way}"]`).waitFor({ timeout: 20_000 });
}

async function openMenu(page: Page): Promise<void> {
  await page.mouse.move(600, 400);
  await page.getByTestId('player-menu').click();
}
