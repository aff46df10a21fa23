import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { describeWithEngines } from '../engines.ts';
import { FfmpegPublisher } from '../harness/ffmpeg.ts';
import type { FlvViewer } from '../harness/flv-viewer.ts';
import { Gala, type TestHost } from '../harness/gala.ts';
import { kill } from '../harness/processes.ts';
import { Show, stallMs } from '../harness/show.ts';
import { canMountDisk, mountSmallDisk } from '../harness/small-disk.ts';
import { waitFor } from '../harness/wait.ts';

const run = promisify(execFile);
/** Of the ffmpeg that publishes: a key frame a second. */
const groupMs = 1_000;
/** From when a picture is here until it is in the file, on a busy machine. */
const writeMs = 700;

async function filesIn(folder: string, extension: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  return names.filter((name) => name.endsWith(`.${extension}`)).toSorted();
}

interface Watched {
  readonly roomId: number;
  readonly viewer: FlvViewer;
}

/** A viewer of the host's room who sees pictures. */
async function watch(gala: Gala, { name }: TestHost): Promise<Watched> {
  const live = () =>
    gala.anyone.enterRoom({ roomRef: `@${name}` }).then(
      ({ room }) => room.state === 'live' && room.roomId,
      () => undefined,
    );
  const roomId = (await waitFor(live, { what: 'the room to be live', timeoutMs: 20_000 })) as number;
  return { roomId, viewer: await Show.join(gala, roomId) };
}

/**
 * Goal: a process that dies, or a disk that fills up, costs a recording its last group of pictures and the broadcast
 * nothing.
 * Method: a real ffmpeg publishes to `gala up`; kill -9 of the process that records, and a disk of 1 MiB; what is
 * left is opened, measured and decoded by ffprobe and ffmpeg.
 */
describeWithEngines('recordings', ['ffmpeg'], ({ ffmpeg }) => {
  const ffprobe = join(dirname(ffmpeg), 'ffprobe');

  async function durationMsOf(file: string): Promise<number> {
    const wanted = '-show_entries format=duration -of csv=p=0'.split(' ');
    const { stdout, stderr } = await run(ffprobe, ['-v', 'error', ...wanted, file]);
    expect(stderr).toBe('');
    return Number(stdout) * 1000;
  }

  /** Every picture and sound, without a word of complaint. */
  async function decode(file: string): Promise<void> {
    const { stderr } = await run(ffmpeg, ['-v', 'error', '-xerror', '-i', file, '-f', 'null', '-']);
    expect(stderr).toBe('');
  }

  test('after kill -9 they open, and lack a group of pictures at most; the next process closes them', async () => {
    const env = { GALA_RECORD_ALL: 'true', GALA_RECORD_FORMATS: 'mp4,flv' };
    await using gala = await Gala.start({ env });
    const folder = join(gala.dataFolder, 'recordings', 'media', 'blobs');
    const host = await gala.createHost('recorded');
    await using _publisher = new FfmpegPublisher({ rtmpUrl: gala.rtmpUrl, streamKey: host.streamKey });
    const { roomId, viewer } = await watch(gala, host);
    const sentMs = () => viewer.pictures.at(-1)?.timestampMs ?? 0;
    await waitFor(() => sentMs() > 6_500, { what: 'six seconds', timeoutMs: 20_000 });
    kill([await gala.pidOf('media')]);
    const seenMs = sentMs();

    const [name] = await filesIn(folder, 'mp4');
    const kept = await mkdtemp(join(tmpdir(), 'gala-kept-'));
    const left = join(kept, 'left.mp4');
    await copyFile(join(folder, name), left);
    const leftMs = await durationMsOf(left);
    expect(leftMs).toBeGreaterThan(seenMs - groupMs - writeMs);
    await decode(left);
    await rm(kept, { recursive: true });

    await waitFor(async () => (await gala.metric('gala_recording_recovered_total')) === 1, {
      what: 'the next process to close it',
      timeoutMs: 30_000,
    });
    const closed = join(folder, name);
    const durationMs = await durationMsOf(closed);
    expect(Math.abs(durationMs - leftMs)).toBeLessThan(100);
    await decode(closed);
    await decode(join(folder, name.replace('.mp4', '.flv')));

    await gala.operator.endRoom({ roomId });
    const replay = await waitFor(async () => (await gala.anyone.enterRoom({ roomRef: roomId })).replay, {
      what: 'the replay',
    });
    expect(Math.abs(replay.durationMs - durationMs)).toBeLessThan(groupMs);
    const played = await durationMsOf(replay.url);
    expect(Math.abs(played - durationMs)).toBeLessThan(200);
    await decode(replay.url);
    await viewer[Symbol.asyncDispose]();
  }, 120_000);

  test.skipIf(!canMountDisk)(
    'a full disk stops them, and no viewer notices',
    async () => {
      await using disk = await mountSmallDisk(1);
      const env = {
        GALA_RECORD_ALL: 'true',
        GALA_RECORD_FOLDER: disk.path,
        GALA_RECORD_DISK_USED_PERCENT_MAX: '100',
      };
      await using gala = await Gala.start({ env });
      const host = await gala.createHost('brimful');
      const { rtmpUrl } = gala;
      await using publisher = new FfmpegPublisher({ rtmpUrl, streamKey: host.streamKey });
      const { viewer } = await watch(gala, host);
      const sinceMs = performance.now();
      await waitFor(async () => (await gala.metric('gala_recording_interrupted_total')) === 1, {
        what: 'the disk to be full',
        timeoutMs: 60_000,
      });
      const pictures = viewer.pictures.length;
      await waitFor(() => viewer.pictures.length > pictures + 90, { what: 'three seconds more' });
      expect(viewer.gapMsMax(sinceMs)).toBeLessThan(stallMs);
      expect([viewer.isEnded, publisher.running]).toEqual([false, true]);
      const told = gala.lines.filter((line) => line.includes('recording stopped, the broadcast goes on'));
      expect(told).toHaveLength(1);
      expect(told[0]).toContain('disk_full');
      const folder = join(disk.path, 'media', 'blobs');
      const [name] = await filesIn(folder, 'mp4');
      expect(await durationMsOf(join(folder, name))).toBeGreaterThan(3_000);
      await decode(join(folder, name));
      await viewer[Symbol.asyncDispose]();
    },
    120_000,
  );
});
