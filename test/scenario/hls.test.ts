import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithEngines, enginePath } from '../engines.ts';
import { launchBrowser } from '../harness/browser.ts';
import { FfmpegPublisher } from '../harness/ffmpeg.ts';
import { FlvViewer } from '../harness/flv-viewer.ts';
import { Gala, type TestHost } from '../harness/gala.ts';
import { HlsFollower } from '../harness/hls-follower.ts';
import { FragmentInspector, TransportInspector } from '../harness/hls-media.ts';
import { HlsPages, type HlsPage } from '../harness/hls-page.ts';
import { waitFor } from '../harness/wait.ts';

const run = promisify(execFile);
const watchMs = 60_000;
const sampleMs = 2_000;
/** The promise, measured from the camera to the screen. */
const latencyMsMax = 3_000;
const framesPerSecond = 30;
/** Later than this no timer, and no picture of a viewer of FLV, comes on a machine that has time for it. */
/** A player that has just begun finds its distance to the live end. */
const settleFrames = 5 * framesPerSecond;

/**
 * Goal: players of HLS that are not ours, and a validator that is stricter than they are, watch a room for a minute
 * at once, in all forms, and go on when its publisher is another.
 */
describeWithEngines('HLS of a live room', ['ffmpeg', 'chromium'], () => {
  let gala: Gala;
  let host: TestHost;
  let publisher: FfmpegPublisher;
  let camera: FlvViewer;
  let browser: Browser;
  let pages: HlsPages;
  let page: HlsPage;
  const url = (query = ''): string => `${gala.liveUrl}/live/@alice.m3u8${query}`;
  const follow = (query: string) => {
    const inspector = query.includes('ts') ? new TransportInspector() : new FragmentInspector();
    const follower = new HlsFollower({ url: url(query), inspector });
    return { follower, over: follower.follow() };
  };

  beforeAll(async () => {
    gala = await Gala.start({ env: { GALA_HLS_WINDOW_MS: '60000' } });
    host = await gala.createHost('alice');
    browser = await launchBrowser();
    pages = await HlsPages.serve(browser);
    const { rtmpUrl } = gala;
    publisher = new FfmpegPublisher({ rtmpUrl, streamKey: host.streamKey, framesPerSecond });
    await waitFor(async () => (await gala.anyone.listLiveRooms({})).rooms[0]?.state === 'live', {
      what: 'live',
    });
    camera = await FlvViewer.open(`${gala.liveUrl}/live/@alice.flv?latency=realtime`);
    page = await pages.open(url());
  });
  afterAll(async () => {
    await page[Symbol.asyncDispose]();
    await pages[Symbol.asyncDispose]();
    await browser.close();
    await camera[Symbol.asyncDispose]();
    await publisher[Symbol.asyncDispose]();
    await gala[Symbol.asyncDispose]();
  });

  test(
    'a minute: hls.js close behind without a stall, fMP4 and MPEG-TS by the book',
    { timeout: 240_000 },
    async () => {
      const forms = ['', '?container=ts', '?only=audio'].map(follow);
      await waitFor(async () => (await page.watch()).frames > settleFrames, {
        what: 'pictures',
        timeoutMs: 20_000,
      });
      const { latenciesMs, stalls, playedMs } = await watchMinute(page, camera);
      for (const { follower } of forms) follower.stop();
      await Promise.all(forms.map(({ over }) => over));
      console.log(
        `hls.js over ${watchMs / 1000} s: latency median ${Math.round(latenciesMs[latenciesMs.length >> 1])} ms, ` +
          `worst ${Math.round(latenciesMs.at(-1)!)} ms, stalls ${stalls}`,
      );
      expect((await page.hls()).fatal).toEqual([]);
      expect(stalls).toBe(0);
      expect(playedMs).toBeGreaterThan(watchMs - 1000);
      expect(latenciesMs.at(-1)).toBeLessThanOrEqual(latencyMsMax);
      const [fmp4, ts, sound] = forms.map(({ follower }) => follower);
      for (const { issues } of [fmp4, ts, sound]) expect(issues).toEqual([]);
      for (const { segments } of [fmp4, ts, sound]) expect(segments).toBeGreaterThanOrEqual(25);
      expect(fmp4.parts).toBeGreaterThan(110);
      expect(fmp4.deltas).toBeGreaterThan(50);
      expect(ts.parts).toBe(0);
      expect(fmp4.behindMsMax).toBeLessThan(2_000);
    },
  );

  test('a player too far ahead is refused, a viewer is counted, files answer ranges', async () => {
    const { room } = await gala.anyone.enterRoom({ roomRef: '@alice' });
    const playlist = `${gala.liveUrl}/live/${room.roomId}/index.m3u8`;
    const last = /segment-(\d+)\.m4s\n(?![^]*segment-)/.exec(await (await fetch(playlist)).text());
    const far = await fetch(`${playlist}?_HLS_msn=${Number(last?.[1]) + 5}`);
    expect(far.status).toBe(400);
    const file = await fetch(`${gala.liveUrl}/live/${room.roomId}/segment-${last?.[1]}.m4s`, {
      headers: { Range: 'bytes=0-7' },
    });
    expect([file.status, Buffer.from(await file.arrayBuffer()).toString('latin1', 4, 8)]).toEqual([
      206,
      'styp',
    ]);
    const viewers = await gala.viewersOf(host);
    expect(viewers.filter(({ framing }) => framing === 'hls').length).toBeGreaterThanOrEqual(1);
  });

  test('a takeover is a discontinuity, and nobody stops for it', async () => {
    const { follower, over } = follow('');
    const ts = follow('?container=ts');
    await waitFor(() => follower.segments > 2 && ts.follower.segments > 2, { what: 'playlists' });
    const before = await page.watch();
    const { rtmpUrl } = gala;
    const atMs = Date.now();
    const next = new FfmpegPublisher({ rtmpUrl, streamKey: host.streamKey, framesPerSecond, colour: 'red' });
    await publisher.ended();
    publisher = next;
    const takenOver = () => follower.discontinuities > 0 && ts.follower.discontinuities > 0;
    await waitFor(takenOver, { what: 'a discontinuity', timeoutMs: 20_000 });
    const frames = (await page.watch()).frames;
    await waitFor(async () => (await page.frame()).number < 300, {
      what: 'the new picture',
      timeoutMs: 20_000,
    });
    await waitFor(async () => (await page.watch()).frames > frames + 150, {
      what: 'it goes on',
      timeoutMs: 20_000,
    });
    for (const each of [follower, ts.follower]) {
      each.stop();
      const { segments } = each.playlist!;
      const wallMs = segments.find(({ discontinuity }) => discontinuity)?.wallMs ?? 0;
      expect(wallMs).toBeGreaterThan(atMs - 500);
      expect(wallMs).toBeLessThan(Date.now());
    }
    await Promise.all([over, ts.over]);
    expect([...follower.issues, ...ts.follower.issues]).toEqual([]);
    const state = await page.hls();
    console.log(`waiting events in the takeover: ${(await page.watch()).waiting - before.waiting}`);
    expect(state.fatal).toEqual([]);
    expect(await latencyByDates(page)).toBeLessThan(latencyMsMax * 2);
  });

  test('the window is there to go back in', async () => {
    const { windowStart, currentTime } = await page.hls();
    expect(currentTime - windowStart).toBeGreaterThan(40);
    await page.seek(windowStart + 5);
    const played = async () => (await page.hls()).currentTime > windowStart + 8;
    await waitFor(played, { what: 'what was', timeoutMs: 20_000 });
    expect((await page.hls()).fatal).toEqual([]);
    // The publisher before had sent for longer than this one has.
    expect((await page.frame()).number).toBeGreaterThan(300);
  });

  test.each([
    { name: 'HLS in MPEG-TS', path: '.m3u8?container=ts', streams: ['aac', 'aac', 'h264'] },
    { name: 'sound alone in HLS', path: '.m3u8?only=audio', streams: ['aac'] },
    { name: 'sound alone in HTTP-FLV', path: '.flv?only=audio', streams: ['aac'] },
    { name: 'sound alone over RTMP', path: undefined, streams: ['aac'] },
  ])('ffprobe reads $name with rising DTS', async ({ path, streams }) => {
    const address = path ? `${gala.liveUrl}/live/@alice${path}` : `${gala.rtmpUrl}/@alice?only=audio`;
    const { stdout, stderr } = await run(enginePath('ffmpeg').replace(/ffmpeg$/, 'ffprobe'), [
      ...'-v error -show_entries packet=stream_index,dts:stream=codec_name -of json'.split(' '),
      ...`-read_intervals %+4 ${address}`.split(' '),
    ]);
    expect(stderr).toBe('');
    const probe = JSON.parse(stdout) as {
      streams: { codec_name: string }[];
      packets: { stream_index: number; dts: number }[];
    };
    expect(probe.streams.map((stream) => stream.codec_name).toSorted()).toEqual(streams);
    const packets = Map.groupBy(probe.packets, ({ stream_index }) => stream_index);
    const counts = [...packets.values()].map(({ length }) => length);
    expect(Math.max(...counts)).toBeGreaterThan(50);
    for (const of of packets.values()) {
      const dts = of.map((packet) => packet.dts);
      expect(dts.every((value, at) => at === 0 || value > dts[at - 1])).toBe(true);
    }
  });
});

/** A minute of a page that plays: how far behind it was, shortest first, and how often it stood still. */
async function watchMinute(page: HlsPage, camera: FlvViewer) {
  const beganAtMs = performance.now();
  const before = { ...(await page.watch()), ...(await page.hls()) };
  const latenciesMs: number[] = [];
  for (let next = sampleMs; next <= watchMs; next += sampleMs) {
    await waitFor(() => performance.now() - beganAtMs >= next, { what: 'time', timeoutMs: 2 * sampleMs });
    latenciesMs.push(await latencyMs(page, camera));
  }
  const after = { ...(await page.watch()), ...(await page.hls()) };
  return {
    latenciesMs: latenciesMs.toSorted((a, b) => a - b),
    stalls: after.waiting - before.waiting + after.stalls - before.stalls,
    playedMs: (after.currentTime - before.currentTime) * 1000,
  };
}

/** From the camera to the screen: when the frame that is shown now was sent, by what a realtime viewer got. */
async function latencyMs(page: HlsPage, camera: FlvViewer): Promise<number> {
  const { number, fromMs, toMs } = await page.frame();
  const offsetsMs = camera.pictures.map(({ atMs, timestampMs }) => atMs - timestampMs);
  const firstFrameMs = performance.timeOrigin + Math.min(...offsetsMs);
  return (fromMs + toMs) / 2 - firstFrameMs - (number * 1000) / framesPerSecond;
}

async function latencyByDates(page: HlsPage): Promise<number> {
  return Date.now() - (await page.hls()).playingAtMs;
}
