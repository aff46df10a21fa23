import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithEngines, enginePath } from '../engines.ts';
import { launchBrowser } from '../harness/browser.ts';
import { FfmpegPublisher } from '../harness/ffmpeg.ts';
import { FlvViewer } from '../harness/flv-viewer.ts';
import { Gala, type TestHost } from '../harness/gala.ts';
import { processesOf } from '../harness/processes.ts';
import { stallMs } from '../harness/show.ts';
import { waitFor } from '../harness/wait.ts';

const run = promisify(execFile);
const ffprobe = (): string => enginePath('ffmpeg').replace(/ffmpeg$/, 'ffprobe');

interface Packet {
  readonly codec_type: string;
  readonly pts: number;
  readonly flags: string;
}

/** Seconds of a stream as ffprobe reads them. */
async function probe(url: string, seconds: number) {
  const { stdout } = await run(ffprobe(), [
    ...'-v error -show_entries packet=codec_type,pts,flags:stream=codec_name,width,height -of json'.split(
      ' ',
    ),
    ...`-read_intervals %+${seconds} ${url}`.split(' '),
  ]);
  const { packets, streams } = JSON.parse(stdout) as {
    packets: Packet[];
    streams: { codec_name: string; width?: number; height?: number }[];
  };
  const keyFrames = packets.filter(
    ({ codec_type, flags }) => codec_type === 'video' && flags.startsWith('K'),
  );
  return { streams, keyTimes: keyFrames.map(({ pts }) => pts) };
}

describeWithEngines('renditions and covers', ['ffmpeg', 'chromium'], () => {
  let gala: Gala;
  let host: TestHost;
  let publisher: FfmpegPublisher;

  beforeAll(async () => {
    gala = await Gala.start({ env: { GALA_TRANSCODE_IDLE_MS: '2000' } });
    host = await gala.createHost('alice');
    const { rtmpUrl } = gala;
    publisher = new FfmpegPublisher({ rtmpUrl, streamKey: host.streamKey, width: 1280, height: 720 });
    await waitFor(async () => (await gala.anyone.listLiveRooms({})).rooms.length > 0, {
      what: 'a live room',
    });
  });
  afterAll(async () => {
    await publisher[Symbol.asyncDispose]();
    await gala[Symbol.asyncDispose]();
  });

  /** Processes that transcode for this installation. */
  const transcoders = (): number[] =>
    processesOf(gala.dataFolder)
      .filter(({ command }) => command.includes('transcode.js'))
      .map(({ pid }) => pid);
  const urlOf = (name: string): string => `${gala.liveUrl}/live/${name}.flv`;

  test('the answer of enter lists the rungs below the stream, behind the stream itself', async () => {
    const described = async () => {
      const answer = await gala.anyone.enterRoom({ roomRef: '@alice' });
      return answer.room.renditions?.length ? answer : undefined;
    };
    const { room, play } = await waitFor(described, {
      what: 'the edge to have told the size of the picture',
    });
    expect(room.renditions).toEqual(['540p', '360p']);
    expect(new Set(play.map(({ rendition }) => rendition))).toEqual(new Set([undefined, '540p', '360p']));
    expect(play[0].rendition).toBeUndefined();
  });

  test('a rung is as small as it says, with the key frames of the source', async () => {
    const [source, small] = await Promise.all([probe(urlOf('@alice'), 8), probe(urlOf('@alice_360p'), 4)]);
    expect(small.streams).toContainEqual(
      expect.objectContaining({ codec_name: 'h264', width: 640, height: 360 }),
    );
    expect(small.streams).toContainEqual(expect.objectContaining({ codec_name: 'aac' }));
    expect(small.keyTimes.length).toBeGreaterThan(2);
    expect(source.keyTimes).toEqual(expect.arrayContaining(small.keyTimes.slice(1, -1)));
  });

  test('nothing is transcoded that nobody watches', async () => {
    await waitFor(() => transcoders().length === 0, { what: 'the end of the process', timeoutMs: 15_000 });
  });

  test('the process killed: viewers of the source see nothing of it, the rung comes back', async () => {
    await using source = await FlvViewer.open(urlOf('@alice'));
    await using small = await FlvViewer.open(urlOf('@alice_540p'));
    await waitFor(() => small.pictures.length > 30, { what: 'pictures' });
    const [pid] = transcoders();
    const killedAtMs = performance.now();
    process.kill(pid, 'SIGKILL');
    await waitFor(() => transcoders().some((other) => other !== pid), { what: 'another process' });
    const before = small.pictures.length;
    await waitFor(() => small.pictures.length > before + 30, { what: 'pictures again', timeoutMs: 20_000 });
    expect(source.gapMsMax(killedAtMs)).toBeLessThan(stallMs);
  });

  test('the home page shows the picture', async () => {
    const coverUrl = `${gala.liveUrl}/live/@alice.jpg`;
    await waitFor(() => fetch(coverUrl).then(({ ok }) => ok), { what: 'a cover' });
    expect((await fetch(coverUrl)).headers.get('content-type')).toBe('image/jpeg');
    await using browser = await launchBrowser();
    const page = await browser.newPage();
    await page.goto(gala.webUrl);
    const picture = page.locator('[data-testid="room-card"] img.cover-picture:not(.loading)');
    await picture.waitFor({ timeout: 10_000 });
    const width = await picture.evaluate((image) => (image as HTMLImageElement).naturalWidth);
    expect(width).toBe(640);
  });
});
