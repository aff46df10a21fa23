import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { documentedMetrics, type DocumentedMetric } from '../documented-metrics.ts';
import { describeWithEngines } from '../engines.ts';
import { GalaCommand } from '../harness/command.ts';
import { Collector } from '../harness/collector.ts';
import { FfmpegPublisher } from '../harness/ffmpeg.ts';
import { FlvViewer } from '../harness/flv-viewer.ts';
import { Gala, type TestHost } from '../harness/gala.ts';
import { waitFor } from '../harness/wait.ts';

/** Engines behind metrics that are there without any other. */
const embedded = new Set(['PostgreSQL']);

/**
 * Goal: what an operator is told is true of a running installation.
 * Method: a real broadcast with real viewers; the interface, the scrape, the dashboard and the page of the metrics are
 * compared with it and with each other.
 */
const docs = join(import.meta.dirname, '../../docs');

describeWithEngines('an operator', ['ffmpeg'], () => {
  let gala: Gala;
  let host: TestHost;
  let collector: Collector;
  let publisher: FfmpegPublisher;
  const viewers: FlvViewer[] = [];

  beforeAll(async () => {
    collector = await Collector.start();
    const env = {
      GALA_TRACE_SAMPLE_SHARE: '1',
      GALA_TRACE_OTLP_URL: collector.url,
      GALA_CACHE_HOT_READS_PER_SECOND: '50',
    };
    gala = await Gala.start({ env });
    host = await gala.createHost('alice');
    publisher = new FfmpegPublisher({ rtmpUrl: gala.rtmpUrl, streamKey: host.streamKey });
    const isOnAir = async () => (await gala.operator.listStreams({})).streams[0]?.state === 'live';
    await waitFor(isOnAir, { what: 'on air' });
    for (const query of ['', '?latency=realtime'])
      viewers.push(await FlvViewer.open(`${gala.liveUrl}/live/@alice.flv${query}`));
  });

  afterAll(async () => {
    for (const viewer of viewers) await viewer[Symbol.asyncDispose]();
    await publisher[Symbol.asyncDispose]();
    await gala[Symbol.asyncDispose]();
    await collector[Symbol.asyncDispose]();
  });

  const stream = async () => (await gala.operator.listStreams({})).streams[0];

  test('sees the stream as it is', async () => {
    const measured = async () => {
      const found = await stream();
      const { media, publisher: source } = found;
      // An ffmpeg that was held up at its start sends faster until it has caught up.
      const hasRates = media.framesPerSecond > 25 && media.framesPerSecond < 35 && media.bitsOutPerSecond > 0;
      // It answers the first ping when it gets round to it, which may be late while it starts.
      const isPinged = source?.rttMs !== undefined && source.rttMs < 1000;
      return hasRates && media.gopMs > 0 && isPinged ? found : undefined;
    };
    const what = 'a whole second of media, and a ping answered';
    const { media, publisher: source, ...rest } = await waitFor(measured, { what, timeoutMs: 40_000 });
    expect(rest).toMatchObject({ hostName: 'alice', state: 'live', viewers: 2 });
    expect(rest.tracks).toMatchObject([
      { kind: 'video', codec: expect.stringMatching(/^avc1\./), width: 640, height: 360 },
      { kind: 'audio', codec: 'mp4a.40.2', samplingRateHz: 48_000 },
    ]);
    expect(media.framesPerSecond).toBeLessThan(35);
    expect(media.gopMs).toBe(1000);
    expect(media.bytesOut).toBeGreaterThan(media.bytesIn / 2);
    expect(Math.abs(media.skewMs)).toBeLessThan(250);
    expect(Math.abs(media.driftMs)).toBeLessThan(1000);
    expect(media.timestampJumps).toBe(0);
    expect(source?.rttMs).toBeLessThan(1000);
    const { edges } = await gala.operator.listEdges();
    expect(edges).toMatchObject([{ streams: 1, viewers: 2 }]);
  });

  test('finds every metric of the dashboard, and the page of metrics, in the scrape', async () => {
    const exposed = new Set(await metricNames(gala));
    const dashboard = readFileSync(join(docs, 'grafana/gala.json'), 'utf8');
    const used = new Set(dashboard.match(/\b(gala|process|nodejs)_[a-z0-9_]+\b/g)?.map(familyOf));
    expect(used.size).toBeGreaterThan(40);
    expect([...used].filter((name) => !exposed.has(name))).toEqual([]);
    const documented = documentedMetrics();
    const ours = [...exposed].filter((name) => name.startsWith('gala_'));
    expect(ours.filter((name) => !documented.some(({ matches }) => matches(name)))).toEqual([]);
    const isExposed = ({ matches }: DocumentedMetric): boolean => ours.some(matches);
    const expected = documented.filter(({ engine }) => engine === undefined || embedded.has(engine));
    expect(expected.filter((each) => !isExposed(each)).map(({ text }) => text)).toEqual([]);
  });

  test('follows a publish through the processes, in the list, as one trace and at a collector', async () => {
    // Each request of ours is a trace as well: enough of them to be all that the plain list shows.
    for (let requests = 0; requests < 60; requests++) await stream();
    const { traces: newest } = await gala.operator.listTraces({});
    expect(newest).toHaveLength(50);
    expect(newest.map(({ name }) => name)).not.toContain('publish');
    const {
      traces: [listed, ...others],
    } = await gala.operator.listTraces({ name: 'publish' });
    expect([listed.name, others]).toEqual(['publish', []]);
    expect((await stream()).traceId).toBe(listed.traceId);
    const { spans } = await gala.operator.getTrace({ traceId: listed.traceId });
    expect(spans.map(({ process, name }) => `${process} ${name}`)).toEqual(
      expect.arrayContaining([
        'media publish',
        'front room.admitPublish',
        'media first.picture',
        'media viewer.join',
      ]),
    );
    const isSent = () => collector.spans.some(({ traceId }) => traceId === listed.traceId);
    await waitFor(isSent, { what: 'its spans at the collector' });
  });

  test('sees which keys are read very often, and where', async () => {
    const { roomId } = await stream();
    const printed = async () => {
      await Promise.all(Array.from({ length: 200 }, () => gala.operator.getRoom({ roomId })));
      await using status = new GalaCommand({ args: ['status'], env: { GALA_DATA: gala.dataFolder } });
      expect(await status.ended()).toBe(0);
      return status.lines.find((line) => line.includes(`hot key     rooms/${roomId}:`));
    };
    const line = await waitFor(printed, { what: 'a hot room' });
    expect(line).toMatch(/: \d+ reads\/s, for \d+ s, \[.*\bfront\b.*\]$/);
  });

  test('sees the same on the command line', async () => {
    await using listed = new GalaCommand({ args: ['streams'], env: { GALA_DATA: gala.dataFolder } });
    expect(await listed.ended()).toBe(0);
    expect(listed.lines[0]).toMatch(/^ROOM +HOST +STATE +VIEWERS/);
    expect(listed.lines[1]).toMatch(/ alice +live +2 .*Mbps.* 127\.0\.0\.1 /);
    const args = ['kick', '999', '--reason', 'test'];
    await using refused = new GalaCommand({ args, env: { GALA_DATA: gala.dataFolder } });
    expect(await refused.ended()).toBe(1);
    expect(refused.output).toContain('[REQUEST_FAILED]');
  });

  test('closes a viewer, then the publisher, who comes again', async () => {
    const { roomId } = await stream();
    const { viewers: listed } = await gala.operator.getStream({ roomId });
    const { viewerId } = listed.find(({ latency }) => latency === 'realtime')!;
    const reason = 'of the test';
    expect(await gala.operator.kickViewer({ roomId, viewerId, reason })).toEqual({ kicked: true });
    await waitFor(() => viewers[1].isEnded, { what: 'the end of the viewer' });
    expect(viewers[0].isEnded).toBe(false);
    expect(await gala.operator.kickPublisher({ roomId, reason })).toEqual({ kicked: true });
    await publisher.ended();
    await waitFor(async () => (await stream()).state === 'hold', { what: 'the hold' });
    publisher = new FfmpegPublisher({ rtmpUrl: gala.rtmpUrl, streamKey: host.streamKey });
    await waitFor(async () => (await stream()).state === 'live', { what: 'on air again' });
    expect((await stream()).roomId).toBe(roomId);
    const lines = gala.lines.filter((line) => line.includes('kicked by request') && line.includes(reason));
    expect(lines).toHaveLength(2);
  });
});

const familyOf = (name: string): string => name.replace(/_(bucket|sum|count)$/, '');

async function metricNames(gala: Gala): Promise<string[]> {
  const lines = (await gala.metrics()).split('\n').filter((line) => line.startsWith('# TYPE '));
  return lines.map((line) => line.split(' ')[2]);
}
