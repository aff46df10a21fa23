import { systemClock } from '@gala/lib/clock';
import { loadSettings } from '@gala/lib/config';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { decodeMetadata, encodeMetadata } from '@gala/media/flv';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Batch } from './batch.ts';
import { edgeSection } from './config.ts';
import { EdgeEvents } from './events.ts';
import { Fanout } from './fanout.ts';
import { Stream, type StreamMessage } from './stream.ts';
import { bodies, FlvReading, makeTag, makeViewer, TestPublisher, type TestViewerOptions } from './testing.ts';

/** Goal: `?only=audio` is a stream of sound in every respect, made once for all who want it. */
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const tickMs = 100;
const metadata = encodeMetadata({ width: 160, height: 120, videocodecid: 7, audiocodecid: 10, encoder: 'x' });

function onAir() {
  const events = new EdgeEvents(createLogger({ name: 'test', level: 'silent' }), createMetrics('test'));
  const identity = {
    roomId: 1,
    hostName: 'host',
    isPrivate: false,
    holdMs: 5000,
    media: { record: false, forwardUrls: [] },
  };
  const stream = new Stream({
    identity,
    clock: systemClock,
    config: loadSettings([edgeSection], { env: {} }).get(edgeSection),
    fanout: new Fanout(systemClock),
    events,
    onState: () => undefined,
  });
  const publisher = new TestPublisher();
  stream.attach(publisher, 1);
  const send = (kind: StreamMessage['kind'], timestampMs: number, payload: Buffer): void => {
    stream.append(publisher, { kind, timestampMs, payload });
    stream.endOfRead();
  };
  return { stream, send };
}

type OnAir = ReturnType<typeof onAir>;

function begin({ send }: OnAir): void {
  send('data', 0, metadata);
  send('video', 0, bodies.videoHeader());
  send('audio', 0, bodies.audioHeader);
  send('video', 0, bodies.keyFrame());
  send('audio', 0, bodies.audioFrame());
}

function watch({ stream }: OnAir, options: TestViewerOptions = {}) {
  const { viewer, received, socket } = makeViewer({ wanted: 'audio', ...options });
  const reading = new FlvReading();
  stream.join(viewer);
  return { viewer, socket, reading, tags: () => reading.read(received()) };
}

test('the head says sound alone, and neither pictures nor their set-up ever come', () => {
  const show = onAir();
  begin(show);
  const { reading, tags } = watch(show);
  const [data, header, frame] = tags();
  expect(reading.header).toEqual({ hasAudio: true, hasVideo: false });
  expect(decodeMetadata(data.payload)).toEqual({
    audiocodecid: 10,
    encoder: 'x',
    hasVideo: false,
    hasAudio: true,
  });
  expect([header, frame].map(({ payload }) => payload)).toEqual([bodies.audioHeader, bodies.audioFrame()]);
  show.send('video', 40, bodies.videoHeader(9));
  show.send('video', 40, bodies.keyFrame(9));
  show.send('audio', 40, bodies.audioFrame(9));
  vi.advanceTimersByTime(tickMs);
  expect(tags().map(({ payload }) => payload)).toEqual([bodies.audioFrame(9)]);
});

test('who joins late gets the last two seconds of sound, however long the group of pictures is', () => {
  const show = onAir();
  begin(show);
  for (let ms = 40; ms <= 8000; ms += 40) {
    show.send('video', ms, bodies.interFrame());
    show.send('audio', ms, bodies.audioFrame());
    vi.advanceTimersByTime(40);
  }
  const times = watch(show)
    .tags()
    .filter(({ type, payload }) => type === 'audio' && payload[1] === 1)
    .map(({ timestampMs }) => timestampMs);
  expect(times.at(-1)).toBeGreaterThan(7800);
  expect(times[0]).toBeGreaterThan(5800);
});

test('its bytes are made once for all viewers of a tick', () => {
  const tags = [makeTag({ keyFrame: true }), makeTag({ kind: 'audio' }), makeTag({ kind: 'data' })];
  const batch = new Batch(1, tags);
  expect(batch.sound.full.flv).toBe(batch.sound.full.flv);
  expect(batch.sound.full.flv).toEqual(Buffer.concat([tags[1].bytes, tags[2].bytes]));
  expect(batch.sound.tick).toBe(1);
});

test('who comes before the tracks are known waits, and is closed where there is no sound', () => {
  const show = onAir();
  const early = watch(show);
  show.send('video', 0, bodies.videoHeader());
  show.send('video', 0, bodies.keyFrame());
  vi.advanceTimersByTime(1000);
  show.send('video', 1000, bodies.interFrame());
  expect(show.stream.isSilent).toBe(true);
  expect(early.socket.writableEnded).toBe(true);
});

test('a viewer that takes no sound is bounded, and closed, as all are; a change of pictures is nothing to it', () => {
  const show = onAir();
  begin(show);
  const limits = {
    disposableBytes: 1000,
    pictureBytes: 2000,
    stopBytes: 4000,
    evictMs: 1000,
    drainMs: 1000,
  };
  const { viewer, socket } = watch(show, { stalled: true, limits });
  const large = Buffer.concat([bodies.audioFrame(), Buffer.alloc(500)]);
  for (let tick = 1; tick <= 9; tick++) {
    show.send('video', tick * tickMs, bodies.videoHeader(tick));
    show.send('audio', tick * tickMs, large);
    vi.advanceTimersByTime(tickMs);
  }
  expect(viewer.closed).toBe(false);
  expect(viewer.slow).toBe(true);
  expect(socket.writableLength).toBeLessThan(limits.stopBytes + large.length + 100);
  for (let tick = 10; tick <= 16; tick++) {
    show.send('audio', tick * tickMs, large);
    vi.advanceTimersByTime(tickMs);
  }
  expect(viewer.closed).toBe(true);
});
