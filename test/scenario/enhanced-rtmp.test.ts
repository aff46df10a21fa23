import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithEngines } from '../engines.ts';
import { launchBrowser } from '../harness/browser.ts';
import { Gala } from '../harness/gala.ts';
import { waitFor } from '../harness/wait.ts';

const run = promisify(execFile);
const child = fileURLToPath(new URL('../../media-io/av/testing-child.ts', import.meta.url));

/** Ids as FFmpeg numbers codecs (AVCodecID). */
const ids = { hevc: 173, av1: 225, vp9: 167, opus: 86_076, flac: 86_028, ac3: 86_019 };
const cases = [
  {
    video: 'hevc',
    encoder: 'libx265 -preset ultrafast -x265-params keyint=25:min-keyint=25:log-level=error',
    audio: 'opus',
    soundEncoder: 'libopus',
    mime: /^video\/mp4; codecs="hvc1\.1\.[0-9A-F.L]+,opus"$/,
  },
  {
    video: 'av1',
    encoder: 'libsvtav1 -preset 12 -g 25',
    audio: 'flac',
    soundEncoder: 'flac',
    mime: /^video\/mp4; codecs="av01\.0\.[0-9.M]+,flac"$/,
  },
  {
    video: 'vp9',
    encoder: 'libvpx-vp9 -deadline realtime -cpu-used 8 -g 25',
    audio: 'ac3',
    soundEncoder: 'ac3',
    mime: /^video\/mp4; codecs="vp09\.[0-9.]+,ac-3"$/,
  },
] as const;

/** Goal: what FFmpeg sends by enhanced RTMP is said in the play answer and comes out of HTTP-FLV and HLS as it was. */
describeWithEngines('enhanced RTMP', ['ffmpeg', 'chromium'], ({ ffmpeg }) => {
  let folder: string;
  let gala: Gala;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gala-enhanced-'));
    gala = await Gala.start();
  });
  afterAll(async () => {
    await gala[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  async function encode({ video, encoder, soundEncoder }: (typeof cases)[number]): Promise<string> {
    const file = join(folder, `${video}.mkv`);
    const input =
      '-v error -f lavfi -i testsrc2=size=320x240:rate=25 -f lavfi -i sine=frequency=440:sample_rate=48000';
    const output = `-t 20 -pix_fmt yuv420p -c:v ${encoder} -c:a ${soundEncoder}`;
    await run(ffmpeg, ['-y', ...`${input} ${output}`.split(' '), file]);
    return file;
  }

  async function probed(url: string): Promise<number[]> {
    const probe = spawn(process.execPath, [child, 'probe', url], { stdio: ['ignore', 'pipe', 'inherit'] });
    // One that could not open it, such as a playlist that has just begun, ends without a word.
    const ended = once(probe, 'close').then((): [Buffer | undefined] => [undefined]);
    const [line] = await Promise.race([once(probe.stdout, 'data') as Promise<[Buffer]>, ended]);
    // A playlist may offer the sound alone as well.
    const found = line ? (JSON.parse(line.toString()) as number[]) : [];
    return [...new Set(found)].toSorted((a, b) => a - b);
  }

  test.each(cases)('$video with $audio', { timeout: 120_000 }, async (each) => {
    const file = await encode(each);
    const host = await gala.createHost(`host-${each.video}`);
    const target = `${gala.rtmpUrl}/${host.streamKey}`;
    const publisher: ChildProcess = spawn(process.execPath, [child, 'publish', file, target]);
    try {
      const entered = () => gala.operator.enterRoom({ roomRef: `@${host.name}` });
      const { room, play } = await waitFor(
        async () => {
          const answer = await entered().catch(() => undefined);
          return answer?.room.media?.audio ? answer : undefined;
        },
        { what: 'the codecs of the room', timeoutMs: 20_000 },
      );
      expect(play.filter(({ protocol }) => protocol !== 'rtmp').map(({ mime }) => mime)).toEqual([
        expect.stringMatching(each.mime),
        expect.stringMatching(each.mime),
        expect.stringMatching(each.mime),
      ]);
      const wanted = [ids[each.video], ids[each.audio]].toSorted((a, b) => a - b);
      expect(await probed(`${gala.liveUrl}/live/${room.roomId}.flv`)).toEqual(wanted);
      // AC-3 has no set-up of its own: a playlist may begin with a picture alone, until its first frame of sound.
      const isWhole = async (): Promise<boolean> =>
        String(await probed(`${gala.liveUrl}/live/${room.roomId}.m3u8`)) === String(wanted);
      await waitFor(isWhole, { what: 'both tracks by HLS', timeoutMs: 15_000 });
    } finally {
      publisher.kill('SIGKILL');
    }
  });

  test('a browser that cannot play HEVC says so instead of trying', { timeout: 60_000 }, async () => {
    const file = await encode(cases[0]);
    const host = await gala.createHost('hevc-host');
    const publisher = spawn(process.execPath, [child, 'publish', file, `${gala.rtmpUrl}/${host.streamKey}`]);
    try {
      const isSaid = async (): Promise<boolean> =>
        (await gala.operator.enterRoom({ roomRef: '@hevc-host' })).room.media?.video !== undefined;
      await waitFor(() => isSaid().catch(() => false), { what: 'the codecs', timeoutMs: 20_000 });
      const joinedBefore = await gala.metric('gala_edge_viewers_joined_total');
      await using browser = await launchBrowser();
      const page = await (await browser.newContext()).newPage();
      await page.goto(`${gala.webUrl}/@hevc-host`);
      await page.getByText('This browser cannot play HEVC').first().waitFor({ timeout: 15_000 });
      expect(await gala.metric('gala_edge_viewers_joined_total')).toBe(joinedBefore);
    } finally {
      publisher.kill('SIGKILL');
    }
  });
});
