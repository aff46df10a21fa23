import { systemClock } from '@gala/lib/clock';
import { loadSettings } from '@gala/lib/config';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { edgeSection } from './config.ts';
import { EdgeEvents } from './events.ts';
import { Fanout } from './fanout.ts';
import { Stream } from './stream.ts';
import { bodies, FlvReading, makeViewer, TestPublisher, type TestViewerOptions } from './testing.ts';
import type { TrackKind } from './timeline.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function start() {
  const events = new EdgeEvents(createLogger({ name: 'test', level: 'silent' }), createMetrics('test'));
  const config = loadSettings([edgeSection], { env: {} }).get(edgeSection);
  const identity = {
    roomId: 1,
    hostName: 'host',
    isPrivate: false,
    holdMs: 5000,
    media: { record: false, forwardUrls: [] },
  };
  const fanout = new Fanout(systemClock);
  const states: string[] = [];
  const onState = ({ state }: Stream) => void states.push(state);
  const stream = new Stream({ identity, clock: systemClock, config, fanout, events, onState });
  let epoch = 0;
  /** Attaches a publisher; `send` is one socket read of it. */
  const publish = () => {
    const publisher = new TestPublisher();
    stream.attach(publisher, ++epoch);
    const send = (...messages: readonly [kind: TrackKind, timestampMs: number, payload: Buffer][]) => {
      for (const [kind, timestampMs, payload] of messages) {
        stream.append(publisher, { kind, timestampMs, payload });
      }
      stream.endOfRead();
    };
    return { publisher, send };
  };
  return { stream, states, counters: events.counters, publish };
}

type Started = ReturnType<typeof start>;

/** A viewer that joins now and says what it has got since it was asked last, as kinds or body bytes. */
function watch({ stream }: Started, options: TestViewerOptions = {}) {
  const { viewer, socket, received } = makeViewer(options);
  const reading = new FlvReading();
  socket.once('close', () => stream.leave(viewer));
  stream.join(viewer);
  const tags = () => reading.read(received());
  return { viewer, socket, reading, tags, payloads: () => tags().map((tag) => tag.payload) };
}

function onAir(started: Started) {
  const host = started.publish();
  host.send(
    ['video', 0, bodies.videoHeader()],
    ['audio', 0, bodies.audioHeader],
    ['video', 0, bodies.keyFrame()],
    ['audio', 10, bodies.audioFrame()],
  );
  return host;
}

test('viewers wait until the tracks are known, and then begin with set-up and key frame', () => {
  const started = start();
  const { send } = started.publish();
  const early = watch(started);
  send(['data', 0, bodies.metadata], ['video', 0, bodies.videoHeader()], ['video', 0, bodies.keyFrame()]);
  expect(early.payloads()).toEqual([]);
  expect(started.states).toEqual([]);
  send(['audio', 0, bodies.audioHeader]);
  expect(started.states).toEqual(['live']);
  expect(early.reading.read(Buffer.alloc(0))).toEqual([]);
  vi.advanceTimersByTime(100);
  const late = watch(started);
  for (const each of [early, late]) {
    expect(each.payloads()).toEqual([
      bodies.metadata,
      bodies.videoHeader(),
      bodies.keyFrame(),
      bodies.audioHeader,
    ]);
    expect(each.reading.header).toEqual({ hasAudio: true, hasVideo: true });
  }
});

test.each([
  { name: 'pictures alone', kind: 'video', frames: [bodies.videoHeader(), bodies.keyFrame()] },
  { name: 'sound alone', kind: 'audio', frames: [bodies.audioHeader, bodies.audioFrame()] },
] as const)('$name: the other track is waited for, but not for ever', ({ kind, frames }) => {
  const started = start();
  const { send } = started.publish();
  const viewer = watch(started);
  for (const frame of frames) send([kind, 0, frame]);
  vi.advanceTimersByTime(600);
  send([kind, 600, frames[1]]);
  expect(started.states).toEqual([]);
  vi.advanceTimersByTime(100);
  send([kind, 700, frames[1]]);
  expect(started.states).toEqual(['live']);
  expect(viewer.payloads()[0]).toEqual(frames[0]);
  expect(viewer.reading.header).toEqual({ hasAudio: kind === 'audio', hasVideo: kind === 'video' });
});

test('a viewer of a stream that never begins is closed after ten seconds, and counted', async () => {
  const started = start();
  started.publish();
  const { socket } = watch(started);
  expect(started.stream.viewerCount).toBe(1);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(socket.writableEnded).toBe(true);
  await vi.advanceTimersByTimeAsync(2000);
  expect(started.counters.viewersWaitedInVain).toBe(1);
  expect(started.stream.viewerCount).toBe(0);
});

test('a viewer that is closed while it waits gets nothing when the stream begins, and is gone', async () => {
  const started = start();
  const host = started.publish();
  const { viewer, socket, tags } = watch(started);
  viewer.end();
  host.send(['video', 0, bodies.videoHeader()], ['audio', 0, bodies.audioHeader]);
  host.send(['video', 0, bodies.keyFrame()], ['audio', 0, bodies.audioFrame()]);
  expect(started.states).toEqual(['live']);
  expect(tags()).toEqual([]);
  await vi.advanceTimersByTimeAsync(2000);
  expect([socket.destroyed, started.stream.viewerCount]).toEqual([true, 0]);
});

test('a takeover: the first picture of the new publisher at once, the old one is not heard any more', () => {
  const started = start();
  const old = onAir(started);
  const viewers = (['low', 'economy', 'realtime'] as const).map((latency) => watch(started, { latency }));
  vi.advanceTimersByTime(0);
  for (const { tags } of viewers) tags();
  const next = started.publish();
  expect(old.publisher.closedWith).toBe('NetStream.Publish.BadName');
  expect(started.counters.takeovers).toBe(1);
  vi.advanceTimersByTime(50);
  next.send(['video', 7_000_000, bodies.videoHeader()], ['video', 7_000_000, bodies.interFrame(9)]);
  old.send(['video', 66, bodies.interFrame(8)]);
  next.send(['video', 7_000_033, bodies.keyFrame(2)]);
  for (const { tags } of viewers) {
    const [tag, ...others] = tags();
    expect(tag.payload).toEqual(bodies.keyFrame(2));
    expect(tag.timestampMs).toBeGreaterThanOrEqual(50);
    expect(tag.timestampMs).toBeLessThan(200);
    expect(others).toEqual([]);
  }
  expect(started.states).toEqual(['live']);
});

test('who joins between new set-up and its key frame gets old pictures with old set-up, then the new', () => {
  const started = start();
  const old = onAir(started);
  const first = watch(started);
  const next = started.publish();
  next.send(['video', 0, bodies.videoHeader(5)]);
  vi.advanceTimersByTime(100);
  const joined = watch(started);
  next.send(['video', 0, bodies.keyFrame(5)]);
  vi.advanceTimersByTime(100);
  const whole = [
    bodies.videoHeader(),
    bodies.audioHeader,
    bodies.keyFrame(),
    bodies.audioFrame(),
    bodies.videoHeader(5),
    bodies.keyFrame(5),
  ];
  expect(joined.payloads()).toEqual(whole);
  expect(first.payloads()).toEqual(whole);
  expect(watch(started).payloads()).toEqual([bodies.videoHeader(5), bodies.audioHeader, bodies.keyFrame(5)]);
  expect(old.publisher.closedWith).toBeDefined();
});

test('a track that the next publisher does not send is not announced to new viewers', () => {
  const started = start();
  onAir(started);
  const { send } = started.publish();
  send(['video', 0, bodies.videoHeader()], ['video', 0, bodies.keyFrame(1)]);
  vi.advanceTimersByTime(700);
  send(['video', 700, bodies.keyFrame(2)]);
  const viewer = watch(started);
  expect(viewer.payloads()).toEqual([bodies.videoHeader(), bodies.keyFrame(2)]);
  expect(viewer.reading.header).toEqual({ hasAudio: false, hasVideo: true });
  send(['audio', 800, bodies.audioHeader], ['audio', 800, bodies.audioFrame()]);
  vi.advanceTimersByTime(100);
  expect(viewer.payloads()).toEqual([bodies.audioHeader, bodies.audioFrame()]);
});

test('a publisher that goes leaves its picture and silence; one that returns goes on; none ends it', async () => {
  const started = start();
  const { publisher, send } = onAir(started);
  const viewer = watch(started);
  viewer.tags();
  started.stream.detach(new TestPublisher(), 'a stranger');
  expect(started.stream.state).toBe('live');
  started.stream.detach(publisher, 'gone');
  vi.advanceTimersByTime(1100);
  const held = viewer.tags();
  expect(held.filter(({ type }) => type === 'video').map(({ payload }) => payload)).toEqual([
    bodies.keyFrame(),
    bodies.keyFrame(),
  ]);
  expect(held.filter(({ type }) => type === 'audio')).toHaveLength(Math.floor(1000 / (1024 / 44.1)) - 1);
  send(['video', 33, bodies.interFrame(1)]);
  const returned = started.publish();
  returned.send(['video', 0, bodies.keyFrame(3)]);
  const [tag] = viewer.tags();
  expect(tag.payload).toEqual(bodies.keyFrame(3));
  expect(tag.timestampMs).toBeGreaterThan(held.at(-1)!.timestampMs);
  started.stream.detach(returned.publisher, 'gone');
  await vi.advanceTimersByTimeAsync(5250);
  expect(started.states).toEqual(['live', 'hold', 'live', 'hold', 'ended']);
  expect(viewer.socket.writableEnded).toBe(true);
  expect(vi.getTimerCount()).toBe(1);
});

test('in realtime a picture is not kept waiting, and sound waits for a picture a moment only', () => {
  const started = start();
  const { send } = onAir(started);
  const viewer = watch(started, { latency: 'realtime' });
  viewer.tags();
  send(['audio', 20, bodies.audioFrame(1)]);
  expect(viewer.payloads()).toEqual([]);
  send(['video', 33, bodies.interFrame(1)]);
  expect(viewer.payloads()).toEqual([bodies.audioFrame(1), bodies.interFrame(1)]);
  send(['audio', 40, bodies.audioFrame(2)]);
  vi.advanceTimersByTime(40);
  expect(viewer.payloads()).toEqual([bodies.audioFrame(2)]);
});

test('the end closes publisher and viewers, once; who comes later is closed as well', () => {
  const started = start();
  const { publisher, send } = onAir(started);
  const viewer = watch(started);
  send(['video', 33, bodies.interFrame(1)]);
  started.stream.end('because');
  started.stream.end('again');
  expect(publisher.closedWith).toBe('NetStream.Unpublish.Success');
  expect(viewer.payloads().at(-1)).toEqual(bodies.interFrame(1));
  expect(viewer.socket.writableEnded).toBe(true);
  expect(watch(started).socket.writableEnded).toBe(true);
  expect(started.states).toEqual(['live', 'ended']);
  expect(started.counters.streamsEnded).toBe(1);
});

test('a publisher without media is held and given up', () => {
  const started = start();
  const { publisher } = started.publish();
  started.stream.detach(publisher, 'gone');
  vi.advanceTimersByTime(5250);
  expect(started.states).toEqual(['hold', 'ended']);
});
