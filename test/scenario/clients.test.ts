import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { FlvTagReader } from '@gala/media/flv';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithEngines, enginePath } from '../engines.ts';
import { FixtureCheck } from '../harness/fixture-media.ts';
import { FixturePublisher } from '../harness/fixture-publisher.ts';
import { FfmpegPublisher } from '../harness/ffmpeg.ts';
import { FlvViewer } from '../harness/flv-viewer.ts';
import { Gala } from '../harness/gala.ts';
import { PipelinedPublisher } from '../harness/pipelined-publisher.ts';
import { waitFor } from '../harness/wait.ts';

/** Goal: programs that people have publish to Gala and play from it. Method: each as its user would start it. */
describeWithEngines('clients', ['ffmpeg', 'rtmpdump'], () => {
  let gala: Gala;
  let folder: string;

  beforeAll(async () => {
    gala = await Gala.start();
    folder = await mkdtemp(join(tmpdir(), 'gala-clients-'));
  });
  afterAll(async () => {
    await gala[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const isLive = (name: string) => () =>
    gala.anyone.enterRoom({ roomRef: `@${name}` }).then(
      ({ room }) => room.state === 'live',
      () => false,
    );

  test('an encoder that pipelines all its commands is on air, every frame of it', async () => {
    const { streamKey } = await gala.createHost('pipelined');
    const options = { port: gala.rtmpPort, app: 'live', streamKey };
    await using publisher = await PipelinedPublisher.start(options);
    await waitFor(isLive('pipelined'), { what: 'a live room' });
    const check = new FixtureCheck();
    const url = `${gala.liveUrl}/live/@pipelined.flv?latency=realtime`;
    await using viewer = await FlvViewer.open(url, (tag) => check.take(tag));
    await waitFor(() => check.frames > 200, { what: 'three seconds of frames' });
    expect({ lost: check.lost, foreign: check.foreign }).toEqual({ lost: 0, foreign: 0 });
    expect(viewer.backwardSteps).toBe(0);
    const answered = publisher.answers.filter(([name]) => name === '_result').map(([, id]) => id);
    expect(answered).toEqual([1, 2, 3, 4]);
    expect(publisher.statuses).toContain('NetStream.Publish.Start');
    expect(publisher.isClosed).toBe(false);
  });

  test('an encoder that pipelines with a wrong key is told so and closed', async () => {
    const { hostId } = await gala.createHost('mistaken');
    const options = { port: gala.rtmpPort, app: 'live', streamKey: `${hostId}.wrong` };
    await using publisher = await PipelinedPublisher.start(options);
    await waitFor(() => publisher.isClosed, { what: 'the connection closed' });
    expect(publisher.statuses.at(-1)).toBe('NetStream.Publish.BadName');
  });

  test('rtmpdump plays: its file has every frame in order', async () => {
    const { streamKey } = await gala.createHost('dumped');
    await using _publisher = await FixturePublisher.start({ rtmpUrl: gala.rtmpUrl, streamKey });
    await waitFor(isLive('dumped'), { what: 'a live room' });
    const file = join(folder, 'dump.flv');
    const args = ['--live', '--rtmp', `${gala.rtmpUrl}/@dumped`, '--flv', file];
    const rtmpdump = spawn(enginePath('rtmpdump'), args, { stdio: 'ignore' });
    const ended = once(rtmpdump, 'close');
    try {
      await waitFor(async () => (await framesOf(file)).frames > 200, { what: 'three seconds', everyMs: 250 });
    } finally {
      rtmpdump.kill('SIGINT');
      await ended;
    }
    const { lost, foreign } = await framesOf(file);
    expect({ lost, foreign }).toEqual({ lost: 0, foreign: 0 });
  });

  test('ffmpeg publishes as to a live server, and ffprobe reads it over RTMP, HTTP-FLV and HLS', async () => {
    const { streamKey } = await gala.createHost('probed');
    await using _publisher = new FfmpegPublisher({ rtmpUrl: gala.rtmpUrl, streamKey, live: true });
    await waitFor(isLive('probed'), { what: 'a live room', timeoutMs: 20_000 });
    const urls = [
      `${gala.rtmpUrl}/@probed`,
      `${gala.liveUrl}/live/@probed.flv`,
      `${gala.liveUrl}/live/@probed.m3u8`,
    ];
    for (const url of urls) expect(await probe(url), url).toEqual(shown);
  });
});

const shown = [
  { codec_name: 'aac', sample_rate: '48000', channels: 2 },
  { codec_name: 'h264', width: 640, height: 360 },
];

/** What ffprobe says of the streams at an address, each kind once (HLS has the sound alone beside), audio first, after it has read two seconds without an error. */
async function probe(url: string): Promise<unknown[]> {
  const ffprobe = join(dirname(enginePath('ffmpeg')), 'ffprobe');
  const entries = 'stream=codec_name,width,height,sample_rate,channels';
  const args = [
    '-v',
    'error',
    '-read_intervals',
    '%+2',
    '-count_packets',
    '-show_entries',
    entries,
    '-of',
    'json',
  ];
  const child = spawn(ffprobe, [...args, url], { stdio: ['ignore', 'pipe', 'pipe'] });
  const out: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (bytes: Buffer) => out.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => errors.push(bytes));
  const [code] = (await once(child, 'close')) as [number | null];
  expect({ code, errors: Buffer.concat(errors).toString() }, url).toEqual({ code: 0, errors: '' });
  const { streams } = JSON.parse(Buffer.concat(out).toString()) as { streams: { codec_name: string }[] };
  const kinds = new Map(streams.map((stream) => [stream.codec_name, stream]));
  return [...kinds.values()].toSorted((a, b) => a.codec_name.localeCompare(b.codec_name));
}

/** What is in an FLV file that may still be written, held against the fixture. */
async function framesOf(file: string): Promise<FixtureCheck> {
  const reader = new FlvTagReader();
  reader.append(await readFile(file).catch(() => Buffer.alloc(0)));
  const check = new FixtureCheck();
  for (let tag = reader.next(); tag; tag = reader.next()) check.take(tag);
  return check;
}
