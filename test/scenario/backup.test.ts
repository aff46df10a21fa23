import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { encodeFlvHeader, encodeTag, type FlvTag } from '@gala/media/flv';
import { expect, test } from 'vitest';
import { describeWithEngines, enginePath } from '../engines.ts';
import { FfmpegPublisher } from '../harness/ffmpeg.ts';
import { FixtureCheck } from '../harness/fixture-media.ts';
import { FixturePublisher } from '../harness/fixture-publisher.ts';
import { FlvViewer } from '../harness/flv-viewer.ts';
import { Gala } from '../harness/gala.ts';
import { stallMs } from '../harness/show.ts';
import { waitFor } from '../harness/wait.ts';

/** Promised: a second. The viewer is asked every 20 ms, and shares its machine with all the rest. */
const promiseMs = 1_000;

/**
 * Goal: viewers see no hold when the main encoder dies or freezes, but the backup; and the main one again when it is
 * back. Method: ffmpeg (640x360, 48 kHz) as the main encoder and a backup with other set-up (160x120, 44.1 kHz), so
 * that SPS and AAC configuration change within the stream; ffprobe then decodes what a viewer got.
 */
describeWithEngines('backup publisher', ['ffmpeg'], () => {
  test('it takes over from an encoder that is killed and from one that freezes, and hands back', async () => {
    await using gala = await Gala.start();
    const { rtmpUrl } = gala;
    const { streamKey, name } = await gala.createHost('careful');
    await using backup = await FixturePublisher.start({ rtmpUrl, streamKey: `${streamKey}?backup=1` });
    const main = { rtmpUrl, streamKey, colour: 'green' };
    await using first = new FfmpegPublisher(main);
    const url = `${gala.liveUrl}/live/@${name}.flv?latency=realtime`;
    const tags: FlvTag[] = [];
    // Frames of the fixture are the backup's, all others the main encoder's.
    const check = new FixtureCheck();
    const open = () =>
      FlvViewer.open(url, (tag) => {
        tags.push(tag);
        check.take(tag);
      }).catch(() => undefined);
    await using viewer = await waitFor(open, { what: 'a stream', timeoutMs: 20_000 });
    const hearsMain = async () => {
      const before = check.foreign;
      await waitFor(() => check.foreign > before + 30, { what: 'the main encoder', timeoutMs: 20_000 });
    };
    const hearsBackup = async () => {
      const [before, sinceMs] = [check.frames, performance.now()];
      await waitFor(() => check.frames > before, { what: 'the backup' });
      return performance.now() - sinceMs;
    };
    await hearsMain();
    expect(check.frames).toBe(0);
    const sinceMs = performance.now();
    await first.stop('SIGKILL');
    const afterKillMs = await hearsBackup();
    await using second = new FfmpegPublisher(main);
    await hearsMain();
    second.process.kill('SIGSTOP');
    const afterFreezeMs = await hearsBackup();
    await second.stop('SIGKILL');
    await using _third = new FfmpegPublisher(main);
    await hearsMain();
    console.log(
      `backup seen after ${afterKillMs.toFixed(0)} ms (killed), ${afterFreezeMs.toFixed(0)} ms (frozen)`,
    );
    expect(Math.max(afterKillMs, afterFreezeMs)).toBeLessThan(3 * promiseMs);
    expect(viewer.gapMsMax(sinceMs)).toBeLessThan(stallMs);
    expect(viewer.backwardSteps).toBe(0);
    expect({ viewerEnded: viewer.isEnded, backupClosed: backup.isClosed }).toEqual({
      viewerEnded: false,
      backupClosed: false,
    });
    const stretches = stretchesOf(tags);
    // Main, backup, main, backup, main.
    expect(stretches.length).toBe(5);
    for (const stretch of stretches)
      expect(decode(stretch)).toEqual({ errors: '', frames: picturesOf(stretch) });
  });
});

const isSetUp = ({ type, payload }: FlvTag): boolean => type !== 'data' && payload[1] === 0;
const picturesOf = (tags: readonly FlvTag[]): number =>
  tags.filter((tag) => tag.type === 'video' && !isSetUp(tag)).length;

/** Cut where the set-up of the pictures changes; each stretch begins with all the set-up that it has. */
function stretchesOf(tags: readonly FlvTag[]): FlvTag[][] {
  const stretches: FlvTag[][] = [];
  const setUp: { video?: FlvTag; audio?: FlvTag } = {};
  for (const tag of tags) {
    if (tag.type === 'data') continue;
    if (isSetUp(tag)) setUp[tag.type] = tag;
    if (isSetUp(tag) && tag.type === 'video') stretches.push(Object.values(setUp));
    else stretches.at(-1)?.push(tag);
  }
  return stretches;
}

/** What ffprobe complains of when it decodes the tags as one file, and the pictures that it gets. */
function decode(tags: readonly FlvTag[]): { errors: string; frames: number } {
  const header = encodeFlvHeader({ hasAudio: true, hasVideo: true });
  const input = Buffer.concat([header, ...tags.map((tag) => encodeTag(tag))]);
  const ffprobe = join(dirname(enginePath('ffmpeg')), 'ffprobe');
  const args = [
    '-v',
    'error',
    '-count_frames',
    '-show_entries',
    'stream=nb_read_frames',
    '-select_streams',
    'v',
  ];
  const { stdout, stderr } = spawnSync(ffprobe, [...args, '-of', 'csv=p=0', '-f', 'flv', '-i', 'pipe:0'], {
    input,
  });
  return { errors: stderr.toString(), frames: Number(stdout.toString()) };
}
