import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseAudioSpecificConfig } from '@gala/media/aac';
import { decodeMetadata, encodeFlvHeader, encodeTag, parseAudioTag, parseVideoTag } from '@gala/media/flv';
import { parseAvcDecoderRecord, parseAvcSps } from '@gala/media/h264';
import type { MediaMessage } from '@gala/media/rtmp';
import { expect, test } from 'vitest';
import { connectRtmp } from './client.ts';
import { recordRtmp } from './testing.ts';

const TIMEOUT_MS = 30_000;
/** A wrong key is refused within a second; a busy machine gets three times that. */
const REFUSAL_MS_MAX = 1000;

/** Runs ffmpeg to its end; resolves to its exit code and what it wrote. */
async function ffmpeg(args: string[], input?: Buffer) {
  const child = spawn('ffmpeg', ['-hide_banner', '-nostdin', '-v', 'error', ...args]);
  const output: Buffer[] = [];
  const log: Buffer[] = [];
  child.stdout.on('data', (bytes: Buffer) => output.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => log.push(bytes));
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number];
  return { code, output: Buffer.concat(output), log: Buffer.concat(log).toString() };
}

const publishArgs = (url: string) =>
  [
    '-f lavfi -i testsrc2=size=320x240:rate=25 -f lavfi -i sine=frequency=440:sample_rate=44100 -t 2',
    '-c:v libx264 -preset ultrafast -tune zerolatency -g 25 -pix_fmt yuv420p -c:a aac -ac 2 -f flv',
  ]
    .join(' ')
    .split(' ')
    .concat(url);

function sequenceHeader(media: MediaMessage[], kind: 'audio' | 'video'): Buffer {
  const parse = kind === 'audio' ? parseAudioTag : parseVideoTag;
  const found = media.find((message) => message.kind === kind && parse(message.payload).isSequenceHeader);
  expect(found).toBeDefined();
  return found!.payload;
}

test(
  'ffmpeg publishes, our client publishes on what was received, and the copy is the same',
  async () => {
    await using origin = await recordRtmp();
    const { code, log } = await ffmpeg(publishArgs(`${origin.url}/17.secret`));
    expect(log).toBe('');
    expect(code).toBe(0);
    const first = await origin.connected(0);
    await first.end;
    expect(first.requests).toMatchObject([{ app: 'live', streamKey: '17.secret' }]);
    expect(first.publishEnds).toEqual(['FCUnpublish']);

    const frames = first.media.filter(
      (message) => message.kind === 'video' && parseVideoTag(message.payload).isCoded,
    );
    expect(frames).toHaveLength(50);
    const record = parseAvcDecoderRecord(sequenceHeader(first.media, 'video').subarray(5));
    expect(parseAvcSps(record.sps[0])).toMatchObject({ width: 320, height: 240, framesPerSecond: 25 });
    const config = parseAudioSpecificConfig(sequenceHeader(first.media, 'audio').subarray(2));
    expect(config).toMatchObject({ objectType: 2, samplingRateHz: 44_100, channels: 2 });
    const [metadata] = first.media;
    expect(decodeMetadata(metadata.payload)).toMatchObject({ width: 320, height: 240 });

    await using relay = await recordRtmp();
    const client = await connectRtmp(relay.url, { streamKey: '18.other' });
    await client.publish();
    for (const { kind, timestampMs, payload } of first.media) {
      if (kind === 'video') client.sendVideo(timestampMs, payload);
      else if (kind === 'audio') client.sendAudio(timestampMs, payload);
      else client.sendMetadata(timestampMs, payload);
    }
    await client[Symbol.asyncDispose]();
    const second = await relay.connected(0);
    await second.end;
    expect(second.media).toEqual(first.media);
  },
  TIMEOUT_MS,
);

test(
  'ffmpeg decodes every frame of what was received',
  async () => {
    await using origin = await recordRtmp();
    await ffmpeg(publishArgs(`${origin.url}/17.secret`));
    const { media, end } = await origin.connected(0);
    await end;
    const tags = media.map(({ kind, timestampMs, payload }) =>
      encodeTag({ type: kind, timestampMs, payload }),
    );
    const file = Buffer.concat([encodeFlvHeader({ hasAudio: true, hasVideo: true }), ...tags]);
    const { code, output, log } = await ffmpeg(
      '-xerror -f flv -i - -map 0:v -fps_mode passthrough -f framemd5 -'.split(' '),
      file,
    );
    expect({ code, log }).toEqual({ code: 0, log: '' });
    const hashes = output
      .toString()
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(hashes).toHaveLength(50);
  },
  TIMEOUT_MS,
);

test(
  'ffmpeg with a wrong key is told BadName and gives up within a second',
  async () => {
    let askedAtMs = 0;
    await using peer = await recordRtmp({}, () => {
      askedAtMs = performance.now();
      return Promise.resolve({ accept: false });
    });
    const { code, log } = await ffmpeg(publishArgs(`${peer.url}/wrong`));
    expect(performance.now() - askedAtMs).toBeLessThan(3 * REFUSAL_MS_MAX);
    expect(code).not.toBe(0);
    expect(log).toContain('Refused');
    const { end } = await peer.connected(0);
    expect(await end).toBe('REFUSED');
  },
  TIMEOUT_MS,
);
