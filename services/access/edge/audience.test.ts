import { setImmediate as turn } from 'node:timers/promises';
import { ManualClock } from '@gala/lib/clock';
import { expect, test, vi } from 'vitest';
import { Audience } from './audience.ts';
import { Batch } from './batch.ts';
import { Fanout } from './fanout.ts';
import { GopCache } from './gop-cache.ts';
import { Payload, type Framing } from './payload.ts';
import type { Tag } from './tag.ts';
import { makeTag, makeViewer } from './testing.ts';

const head = Buffer.from('HEAD');

function makeAudience(tickMs?: number) {
  const clock = new ManualClock();
  const cache = new GopCache();
  const joinPoint = (sequence: number) => {
    const tags = cache.upTo(sequence);
    return {
      opening: new Payload(tags.slice(0, 1), [head]),
      rest: new Payload(tags.slice(1)),
      hasPicture: tags.length > 0,
    };
  };
  const fanout = new Fanout(clock);
  const counters = { pendingOverflows: 0 };
  const audience = new Audience({ latency: 'low', fanout, joinPoint, counters, tickMs });
  const add = (tag: Tag): Tag => {
    cache.add(tag);
    audience.add(tag);
    return tag;
  };
  return { clock, fanout, audience, add, counters };
}

const bytesOf = (...tags: Tag[]) => Buffer.concat(tags.map((tag) => tag.bytes));

test('a viewer that joins between two ticks gets every tag exactly once', async () => {
  const { audience, add } = makeAudience();
  const early = makeViewer();
  const key = add(makeTag({ keyFrame: true }));
  audience.join(early.viewer);
  const second = add(makeTag({}));
  audience.flush();
  const third = add(makeTag({}));
  const late = makeViewer();
  audience.join(late.viewer);
  const fourth = add(makeTag({}));
  audience.flush();
  await turn();
  expect(early.received()).toEqual(Buffer.concat([head, bytesOf(key, second, third, fourth)]));
  expect(late.received()).toEqual(Buffer.concat([head, bytesOf(key, second, third, fourth)]));
});

test('a viewer whose join falls on a new group of pictures waits for that key frame', async () => {
  const { audience, add } = makeAudience();
  audience.join(makeViewer().viewer);
  add(makeTag({ keyFrame: true }));
  audience.flush();
  const inter = add(makeTag({}));
  const key = add(makeTag({ keyFrame: true }));
  const viewer = makeViewer();
  audience.join(viewer.viewer);
  audience.flush();
  await turn();
  expect(viewer.received()).toEqual(Buffer.concat([head, bytesOf(key)]));
  expect(inter.sequence).toBeLessThan(key.sequence);
});

test('a fan-out to many yields, and who joins or leaves meanwhile neither misses nor repeats', async () => {
  const { audience, add, fanout } = makeAudience();
  const key = add(makeTag({ keyFrame: true }));
  const viewers = Array.from({ length: 1000 }, () => makeViewer());
  for (const { viewer } of viewers) audience.join(viewer);
  const inter = add(makeTag({}));
  audience.flush();
  expect(fanout.jobs).toBe(1);
  audience.leave(viewers[999].viewer);
  const late = makeViewer();
  audience.join(late.viewer);
  const next = add(makeTag({}));
  while (fanout.jobs > 0) await turn();
  audience.flush();
  while (fanout.jobs > 0) await turn();
  expect(audience.size).toBe(1000);
  const whole = Buffer.concat([head, bytesOf(key, inter, next)]);
  for (const { received } of viewers.slice(0, 999)) expect(received().equals(whole)).toBe(true);
  expect(late.received()).toEqual(whole);
  expect(viewers[999].received().length).toBeLessThan(whole.length);
});

test('while a fan-out is under way the next tick grows instead of queueing up', async () => {
  const { audience, add, fanout } = makeAudience();
  add(makeTag({ keyFrame: true }));
  for (let index = 0; index < 600; index++) audience.join(makeViewer().viewer);
  add(makeTag({}));
  audience.flush();
  for (let index = 0; index < 5; index++) {
    add(makeTag({}));
    audience.flush();
  }
  expect(fanout.jobs).toBe(1);
  while (fanout.jobs > 0) await turn();
  const writes = fanout.writes;
  audience.flush();
  while (fanout.jobs > 0) await turn();
  expect(fanout.writes - writes).toBe(600);
});

test.each<Framing>(['flv', 'webSocket', 'rtmp'])(
  'a slow viewer of %s loses disposable frames, then pictures, then all; and is closed at last',
  (framing) => {
    const framed = (...tags: Tag[]) => new Payload(tags).in(framing);
    const { audience, add, clock } = makeAudience();
    let backlog = 0;
    const limits = { disposableBytes: 100, pictureBytes: 200, stopBytes: 300, evictMs: 1000, drainMs: 100 };
    const { viewer, socket, counters, received } = makeViewer({ limits, framing });
    Object.defineProperty(socket, 'writableLength', { get: () => backlog });
    add(makeTag({ keyFrame: true }));
    audience.join(viewer);
    received();
    const deliver = (atBacklog: number, ...tags: Tag[]): Buffer => {
      backlog = atBacklog;
      for (const tag of tags) add(tag);
      audience.flush();
      return received();
    };
    deliver(0, makeTag({}));
    const needed = makeTag({});
    expect(deliver(150, makeTag({ disposable: true }), needed)).toEqual(framed(needed));
    const audio = makeTag({ kind: 'audio' });
    expect(deliver(250, makeTag({}), audio)).toEqual(framed(audio));
    expect(deliver(350, makeTag({}), makeTag({ kind: 'audio' }))).toEqual(Buffer.alloc(0));
    const key = makeTag({ keyFrame: true });
    expect(deliver(10, makeTag({}), key)).toEqual(framed(key));
    expect(counters).toEqual({ disposableShed: 1, picturesShed: 1, batchesShed: 1, viewersEvicted: 0 });
    clock.advance(500);
    deliver(350, makeTag({}));
    clock.advance(1001);
    deliver(350, makeTag({}));
    expect(counters.viewersEvicted).toBe(1);
    expect(socket.destroyed).toBe(true);
  },
);

test('what came with the join is no debt until it has been taken once', () => {
  const { audience, add } = makeAudience();
  let backlog = 1064;
  const limits = { disposableBytes: 100, pictureBytes: 200, stopBytes: 300, evictMs: 1000, drainMs: 100 };
  const { viewer, socket, received } = makeViewer({ limits });
  Object.defineProperty(socket, 'writableLength', { get: () => backlog });
  add(makeTag({ keyFrame: true, size: 1000 }));
  audience.join(viewer);
  received();
  const deliver = (): number => {
    add(makeTag({ size: 50 }));
    audience.flush();
    return received().length;
  };
  expect(deliver()).toBe(50);
  backlog = 10;
  expect(deliver()).toBe(50);
  backlog = 250;
  expect(deliver()).toBe(0);
});

test('at a high bit rate the limits grow with it', () => {
  const limits = { disposableBytes: 100, pictureBytes: 200, stopBytes: 300, evictMs: 1000, drainMs: 100 };
  const { viewer, socket, received } = makeViewer({ limits });
  Object.defineProperty(socket, 'writableLength', { get: () => 250 });
  viewer.deliver(new Batch(1, [makeTag({ size: 50 })], 10), 0);
  expect(received().length).toBe(50);
  viewer.deliver(new Batch(2, [makeTag({ size: 50 })], 1), 0);
  expect(received().length).toBe(0);
});

test('who is too full to be told of new set-up is closed: it could not decode what follows', () => {
  const { audience, add } = makeAudience();
  const limits = { disposableBytes: 100, pictureBytes: 200, stopBytes: 300, evictMs: 1000, drainMs: 100 };
  const { viewer, socket, counters } = makeViewer({ limits });
  add(makeTag({ keyFrame: true }));
  audience.join(viewer);
  Object.defineProperty(socket, 'writableLength', { get: () => 500 });
  add(makeTag({ sequenceHeader: true }));
  audience.flush();
  expect(counters.viewersEvicted).toBe(1);
  expect(socket.destroyed).toBe(true);
});

test('what waits for a fan-out is bounded: pictures go first, and no picture comes that refers to them', async () => {
  const { audience, add, fanout, counters } = makeAudience();
  const key = add(makeTag({ keyFrame: true }));
  const viewers = Array.from({ length: 300 }, () => makeViewer());
  for (const { viewer } of viewers) audience.join(viewer);
  const inter = add(makeTag({}));
  audience.flush();
  const header = add(makeTag({ kind: 'audio', sequenceHeader: true }));
  for (let index = 0; index < 3; index++) add(makeTag({ size: 6 * 1024 * 1024 }));
  expect(counters.pendingOverflows).toBe(1);
  add(makeTag({}));
  const audio = add(makeTag({ kind: 'audio' }));
  const next = add(makeTag({ keyFrame: true }));
  while (fanout.jobs > 0) await turn();
  audience.flush();
  while (fanout.jobs > 0) await turn();
  const whole = Buffer.concat([head, bytesOf(key, inter, header, audio, next)]);
  expect(viewers[299].received().equals(whole)).toBe(true);
});

test('it ticks by itself while somebody watches, and only then', () => {
  vi.useFakeTimers();
  try {
    const { audience, add } = makeAudience(100);
    add(makeTag({ keyFrame: true }));
    expect(vi.getTimerCount()).toBe(0);
    const { viewer, received } = makeViewer();
    audience.join(viewer);
    received();
    const inter = add(makeTag({}));
    vi.advanceTimersByTime(100);
    expect(received()).toEqual(bytesOf(inter));
    audience.leave(viewer);
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test('at the end a viewer gets what is pending; one that takes nothing is destroyed', () => {
  vi.useFakeTimers();
  try {
    const { audience, add } = makeAudience(100);
    const key = add(makeTag({ keyFrame: true }));
    const [healthy, stalled] = [makeViewer(), makeViewer({ stalled: true })];
    for (const { viewer } of [healthy, stalled]) audience.join(viewer);
    const last = add(makeTag({}));
    audience.end();
    expect(healthy.received()).toEqual(Buffer.concat([head, bytesOf(key, last)]));
    expect(healthy.socket.writableEnded).toBe(true);
    expect(stalled.socket.destroyed).toBe(false);
    vi.advanceTimersByTime(2000);
    expect(stalled.socket.destroyed).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});

test('an end in the midst of a fan-out writes to nobody afterwards', async () => {
  const { audience, add, fanout } = makeAudience();
  add(makeTag({ keyFrame: true }));
  const viewers = Array.from({ length: 600 }, () => makeViewer());
  for (const { viewer } of viewers) audience.join(viewer);
  const failures: Error[] = [];
  for (const { socket } of viewers) socket.on('error', (error) => failures.push(error));
  add(makeTag({}));
  audience.flush();
  audience.end();
  while (fanout.jobs > 0) await turn();
  expect(failures).toEqual([]);
});
