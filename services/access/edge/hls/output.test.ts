import { systemClock } from '@gala/lib/clock';
import { loadSettings } from '@gala/lib/config';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { parseFileName, renderMediaPlaylist } from '@gala/media/hls';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readFlvTags } from '../../../../media/fixtures/flv.ts';
import { parseMediaPlaylist } from '../../../../media/hls/parsed-playlist.ts';
import { PlaylistValidator } from '../../../../media/hls/validator.ts';
import { edgeSection, hlsSection } from '../config.ts';
import { EdgeEvents } from '../events.ts';
import { Fanout } from '../fanout.ts';
import { Stream, type StreamMessage } from '../stream.ts';
import { bodies, TestPublisher } from '../testing.ts';
import { hlsForms } from './forms.ts';
import { HlsOutputs } from './outputs.ts';
import { broadcast } from './testing.ts';

/**
 * Goal: what a stream goes through is a valid playlist at every moment, within its memory.
 * Method: a real stream is fed in its time, and each state of the playlist goes through the strict validator.
 */
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const tags = readFlvTags();

function start(hls: Record<string, string> = {}) {
  const events = new EdgeEvents(createLogger({ name: 'test', level: 'silent' }), createMetrics('test'));
  const settings = loadSettings([edgeSection, hlsSection], { env: hls });
  const identity = {
    roomId: 1,
    hostName: 'host',
    isPrivate: false,
    holdMs: 5000,
    media: { record: false, forwardUrls: [] },
  };
  const fanout = new Fanout(systemClock);
  const config = settings.get(edgeSection);
  const makeStream = (roomId = 1) =>
    new Stream({
      identity: { ...identity, roomId },
      clock: systemClock,
      config,
      fanout,
      events,
      onState: () => undefined,
    });
  const outputs = new HlsOutputs({
    clock: systemClock,
    config: settings.get(hlsSection),
    events,
    blockedMax: 10,
  });
  return { makeStream, stream: makeStream(), outputs, counters: events.counters };
}

type Started = ReturnType<typeof start>;

function publish(stream: Stream, epoch = 1) {
  const publisher = new TestPublisher();
  stream.attach(publisher, epoch);
  let atMs = 0;
  /** Sends at the time of each message. */
  const send = (messages: readonly StreamMessage[], each?: () => void): void => {
    for (const message of messages) {
      vi.advanceTimersByTime(Math.max(0, message.timestampMs - atMs));
      atMs = Math.max(atMs, message.timestampMs);
      stream.append(publisher, message);
      stream.endOfRead();
      each?.();
    }
  };
  return { publisher, send };
}

/** The playlists of a stream as a player meets them. */
function follow({ outputs, stream }: Started, form = hlsForms.fmp4) {
  const output = outputs.of(stream, form);
  const { container } = form;
  const validator = new PlaylistValidator();
  const issues: string[] = [];
  let { state } = output;
  const look = (): void => {
    if (output.state === state || !output.isPlayable) return;
    ({ state } = output);
    issues.push(...validator.add(renderMediaPlaylist(state, { container })));
  };
  const playlist = () => parseMediaPlaylist(renderMediaPlaylist(output.state, { container }));
  const file = (name: string): Buffer => {
    const chunks = output.read(parseFileName(name, container)!);
    return chunks === 'wait' ? Buffer.alloc(0) : Buffer.concat(chunks ?? []);
  };
  return { output, validator, issues, look, playlist, file };
}

test('the first playlist is there with the group of pictures that viewers get; all are valid', () => {
  const started = start();
  const host = publish(started.stream);
  host.send(broadcast({ tags, toMs: 1980 }));
  const player = follow(started);
  host.send(broadcast({ tags, fromMs: 1980, toMs: 4100 }), player.look);
  expect(player.output.isPlayable).toBe(true);
  host.send(broadcast({ tags, fromMs: 4100, toMs: 12_000 }), player.look);
  started.stream.end('over');
  player.look();
  expect(player.issues).toEqual([]);
  expect(player.validator.count).toBeGreaterThan(15);
  const { segments, ended } = player.playlist();
  expect(ended).toBe(true);
  expect(segments.length).toBeGreaterThan(4);
  for (const { uri = '', parts } of segments) {
    const whole = player.file(uri);
    expect(whole.toString('latin1', 4, 8)).toBe('styp');
    if (parts.length > 0) expect(Buffer.concat(parts.map((part) => player.file(part.uri)))).toEqual(whole);
  }
  expect(player.file(segments[0].map).toString('latin1', 4, 8)).toBe('ftyp');
});

test('dates are those of the arrival, also of what had come before anybody asked', () => {
  const started = start();
  const host = publish(started.stream);
  const beganMs = Date.now();
  host.send(broadcast({ tags, toMs: 1980 }));
  const player = follow(started);
  host.send(broadcast({ tags, fromMs: 1980, toMs: 8000 }));
  const [first, ...others] = player.playlist().segments;
  // The recording has a key frame a second.
  let wallMs = beganMs + 1000;
  for (const segment of [first, ...others]) {
    expect(Math.abs((segment.wallMs ?? 0) - wallMs)).toBeLessThanOrEqual(50);
    wallMs += segment.duration * 1000;
  }
});

test('a takeover is a discontinuity, a hold is none, and a return is one again', () => {
  const started = start();
  const first = publish(started.stream);
  const player = follow(started);
  first.send(broadcast({ tags, toMs: 5000 }), player.look);
  const second = publish(started.stream, 2);
  second.send(broadcast({ tags, toMs: 5000 }), player.look);
  const breaks = () => player.playlist().segments.filter(({ discontinuity }) => discontinuity).length;
  expect(breaks()).toBe(1);
  const { nextSequence } = player.output.state;
  started.stream.detach(second.publisher, 'gone');
  for (let ms = 0; ms < 4500; ms += 250) {
    vi.advanceTimersByTime(250);
    player.look();
  }
  expect(player.output.state.nextSequence).toBeGreaterThan(nextSequence);
  expect(breaks()).toBe(1);
  publish(started.stream, 3).send(broadcast({ tags, toMs: 5000 }), player.look);
  expect(breaks()).toBe(2);
  expect(player.issues).toEqual([]);
});

test('a publisher without sound is cut as pictures alone', () => {
  const started = start();
  const first = publish(started.stream);
  const player = follow(started);
  first.send(broadcast({ tags, toMs: 3000 }), player.look);
  const second = publish(started.stream, 2);
  const pictures = broadcast({ tags, toMs: 5000 }).filter(({ kind }) => kind === 'video');
  second.send(pictures, player.look);
  expect(player.output.configs.map(({ kind }) => kind)).toEqual(['video']);
  const maps = new Set(player.playlist().segments.map(({ map }) => map));
  expect(maps.size).toBeGreaterThanOrEqual(2);
});

test('what has no form in HLS is said, until it changes', () => {
  const started = start();
  const host = publish(started.stream);
  const player = follow(started);
  const mp3: StreamMessage = { kind: 'audio', timestampMs: 0, payload: Buffer.from([0x2f, 1, 2, 3]) };
  const pictures = broadcast({ tags, toMs: 1000 }).filter(({ kind }) => kind === 'video');
  host.send([...pictures.slice(0, 2), mp3, ...pictures.slice(2)]);
  expect(player.output.isUnsupported).toBe(true);
  const [, audioHeader] = broadcast({ tags, toMs: 0 });
  const aac = broadcast({ tags, toMs: 1000 }).filter(({ kind }) => kind === 'audio');
  host.send([audioHeader, ...aac]);
  expect(player.output.isUnsupported).toBe(false);
  host.send([mp3]);
  expect(player.output.isUnsupported).toBe(true);
  publish(started.stream, 2).send(broadcast({ tags, toMs: 4000 }));
  expect(player.output.isUnsupported).toBe(false);
  expect(player.output.isPlayable).toBe(true);
});

test('set-up that cannot be read does no harm', () => {
  const started = start();
  const host = publish(started.stream);
  const player = follow(started);
  host.send([
    { kind: 'video', timestampMs: 0, payload: bodies.videoHeader() },
    { kind: 'audio', timestampMs: 0, payload: bodies.audioHeader },
    { kind: 'video', timestampMs: 0, payload: bodies.keyFrame() },
  ]);
  expect(player.output.isUnsupported).toBe(true);
});

test('playlists reach as far back as the window, and what has left it can still be fetched', () => {
  const started = start({ GALA_HLS_WINDOW_MS: '10000' });
  const host = publish(started.stream);
  const player = follow(started);
  host.send(broadcast({ tags, toMs: 8000 }), player.look);
  const first = player.playlist().segments[0].uri ?? '';
  host.send(broadcast({ tags, fromMs: 8000, toMs: 16_500 }), player.look);
  const { segments } = player.playlist();
  const seconds = segments.reduce((sum, { duration, uri }) => sum + (uri ? duration : 0), 0);
  expect(seconds).toBeGreaterThanOrEqual(10);
  expect(seconds).toBeLessThan(13);
  expect(segments.map(({ uri }) => uri)).not.toContain(first);
  expect(player.file(first).length).toBeGreaterThan(1000);
  host.send(broadcast({ tags, fromMs: 16_500, toMs: 30_000 }), player.look);
  expect(player.file(first)).toHaveLength(0);
  expect(player.issues).toEqual([]);
  const { bytes } = player.output;
  for (let second = 0; second < 30; second++) {
    player.output.touch();
    vi.advanceTimersByTime(1000);
  }
  expect(player.output.bytes).toBeLessThan(bytes * 0.8);
});

test('all forms of a stream are valid at every moment, and number what begins anew alike', () => {
  const started = start();
  const first = publish(started.stream);
  const players = [follow(started), follow(started, hlsForms.audio)];
  const look = (): void => players.forEach((player) => player.look());
  first.send(broadcast({ tags, toMs: 5000 }), look);
  publish(started.stream, 2).send(broadcast({ tags, toMs: 5000 }), look);
  // One that begins later begins with their numbers.
  players.push(follow(started, hlsForms.ts), follow(started, hlsForms['ts-audio']));
  publish(started.stream, 3).send(broadcast({ tags, toMs: 6000 }), look);
  for (const { issues, output } of players) {
    expect(issues).toEqual([]);
    expect(output.isPlayable).toBe(true);
  }
  const numbers = players.map(({ output }) => output.lastDiscontinuity);
  // Players keep something for each number up to theirs.
  expect(new Set(numbers)).toEqual(new Set([12]));
  const breaksAtMs = players.slice(0, 2).map(({ playlist }) =>
    playlist()
      .segments.filter(({ discontinuity }) => discontinuity)
      .map(({ wallMs = 0 }) => wallMs),
  );
  expect(breaksAtMs[0]).toHaveLength(2);
  for (const [index, wallMs] of breaksAtMs[0].entries()) {
    expect(Math.abs(wallMs - breaksAtMs[1][index])).toBeLessThan(100);
  }
});

test('a change of pictures begins anew in the sound too, at the same place', () => {
  const started = start();
  const host = publish(started.stream);
  const players = [follow(started), follow(started, hlsForms.audio)];
  host.send(broadcast({ tags, toMs: 5000 }));
  const before = players.map(({ output }) => output.lastDiscontinuity);
  const [videoHeader] = broadcast({ tags, toMs: 0 });
  // Another level in the record and in its SPS.
  const changed = Buffer.from(videoHeader.payload);
  changed[8]++;
  changed[16]++;
  host.send([{ kind: 'video', timestampMs: 5000, payload: changed }]);
  host.send(broadcast({ tags, fromMs: 5000, toMs: 10_000 }));
  expect(players.map(({ output }) => output.lastDiscontinuity)).toEqual(before.map((number) => number + 1));
  const maps = new Set(players[0].playlist().segments.map(({ map }) => map));
  expect(maps.size).toBe(2);
});

test('other sound begins anew in all forms', () => {
  const started = start();
  const host = publish(started.stream);
  const players = [follow(started), follow(started, hlsForms.audio), follow(started, hlsForms.ts)];
  const look = (): void => players.forEach((player) => player.look());
  host.send(broadcast({ tags, toMs: 5000 }), look);
  const before = players[0].output.lastDiscontinuity;
  // AAC-LC, 44.1 kHz, mono.
  host.send([{ kind: 'audio', timestampMs: 5000, payload: Buffer.from([0xaf, 0, 0x12, 0x08]) }]);
  host.send(broadcast({ tags, fromMs: 5000, toMs: 10_000 }), look);
  for (const { output, issues } of players) {
    expect(output.lastDiscontinuity).toBe(before + 1);
    expect(output.configs.find(({ kind }) => kind === 'audio')).toMatchObject({ channels: 1 });
    expect(issues).toEqual([]);
  }
});

test('what a form has no container for is said', () => {
  const started = start();
  const host = publish(started.stream);
  const player = follow(started, hlsForms.ts);
  const opus = Buffer.from('OpusHead\x01\x02\x00\x00\x80\xbb\x00\x00\x00\x00\x00', 'latin1');
  const [videoHeader, ...units] = broadcast({ tags, toMs: 3000 }).filter(({ kind }) => kind === 'video');
  host.send([
    videoHeader,
    {
      kind: 'audio',
      timestampMs: 0,
      payload: Buffer.concat([Buffer.from([0x90]), Buffer.from('Opus'), opus]),
    },
    ...units,
  ]);
  expect(player.output.isUnsupported).toBe(true);
  const { output } = follow(started);
  expect(output.isUnsupported).toBe(false);
});

test('nobody asks: it is released, and the next that begins has higher numbers', () => {
  const started = start({ GALA_HLS_IDLE_MS: '15000' });
  const host = publish(started.stream);
  const player = follow(started);
  host.send(broadcast({ tags, toMs: 18_000 }));
  expect(started.outputs.size).toBe(0);
  expect(started.counters.hlsReleased).toBe(1);
  const before = player.output.state;
  const { nextSequence, discontinuitySequence } = started.outputs.of(started.stream, hlsForms.fmp4).state;
  expect(nextSequence).toBeGreaterThan(before.nextSequence);
  expect(discontinuitySequence).toBe(player.output.lastDiscontinuity);
});

test('after the end it stays as long as its window, and then goes', () => {
  const started = start();
  const host = publish(started.stream);
  const { output } = follow(started);
  host.send(broadcast({ tags, toMs: 5000 }));
  started.stream.end('over');
  for (let ms = 0; ms < 58_000; ms += 1000) {
    output.touch();
    vi.advanceTimersByTime(1000);
    expect(started.outputs.get('1', hlsForms.fmp4)).toBe(output);
  }
  vi.advanceTimersByTime(3000);
  expect(started.outputs.size).toBe(0);
});

/** Messages with pictures that are so much larger. */
const heavy = (messages: readonly StreamMessage[], bytes: number): StreamMessage[] =>
  messages.map((message) => {
    if (message.kind !== 'video' || message.payload[1] !== 1) return message;
    return { ...message, payload: Buffer.concat([message.payload, Buffer.alloc(bytes)]) };
  });

test('a stream over its bound of memory is released and counted, and begins anew', () => {
  const started = start({ GALA_HLS_STREAM_BYTES_MAX: '2000000' });
  const host = publish(started.stream);
  const player = follow(started);
  let bytesMax = 0;
  host.send(heavy(broadcast({ tags, toMs: 8000 }), 20_000), () => {
    bytesMax = Math.max(bytesMax, started.outputs.bytes);
  });
  expect(started.counters.hlsOverflows).toBe(1);
  expect(started.outputs.get('1', hlsForms.fmp4)).toBeUndefined();
  expect(bytesMax).toBeLessThan(3_000_000);
  expect(started.outputs.of(started.stream, hlsForms.fmp4)).not.toBe(player.output);
});

test('two containers of one stream share its memory: neither pushes the other out', () => {
  const streamBytesMax = 3_000_000;
  const started = start({
    GALA_HLS_STREAM_BYTES_MAX: String(streamBytesMax),
    GALA_HLS_WINDOW_MS: '600000',
  });
  const host = publish(started.stream);
  const first = follow(started);
  host.send(heavy(broadcast({ tags, toMs: 30_000 }), 1200), () => first.output.touch());
  const aloneBytes = first.output.bytes;
  const second = follow(started, hlsForms.ts);
  let bytesMax = 0;
  host.send(heavy(broadcast({ tags, fromMs: 30_000, toMs: 120_000 }), 1200), () => {
    first.output.touch();
    second.output.touch();
    bytesMax = Math.max(bytesMax, started.outputs.bytes);
  });
  expect(started.counters.hlsOverflows).toBe(0);
  expect(started.outputs.size).toBe(2);
  expect(bytesMax).toBeLessThanOrEqual(streamBytesMax);
  expect(first.output.bytes).toBeLessThan(aloneBytes);
  for (const { issues } of [first, second]) expect(issues).toEqual([]);
});

test('over the bound of the process the stream that was asked for longest ago goes', async () => {
  const started = start({ GALA_HLS_BYTES_MAX: '2000000' });
  const streams = [started.stream, started.makeStream(2)];
  const [first, second] = streams.map((stream) => {
    vi.advanceTimersByTime(10);
    return { host: publish(stream), output: started.outputs.of(stream, hlsForms.fmp4) };
  });
  const signal = new AbortController().signal;
  const blocked = first.output.blocked.until({ isDue: () => false, limitMs: 60_000, signal });
  const refused = expect(blocked).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  first.host.send(heavy(broadcast({ tags, toMs: 2500 }), 10_000));
  second.host.send(heavy(broadcast({ tags, toMs: 6000 }), 10_000));
  expect(started.counters.hlsEvicted).toBeGreaterThanOrEqual(1);
  expect(started.outputs.get('1', hlsForms.fmp4)).toBeUndefined();
  await refused;
});
