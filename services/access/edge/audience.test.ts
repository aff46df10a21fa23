import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { ManualClock } from '@gala/lib/clock';
import { expect, test } from 'vitest';
import { Audience } from './audience.ts';
import { Fanout } from './fanout.ts';
import { GopCache } from './gop-cache.ts';
import { encodePayload } from './payload.ts';
import type { Tag } from './tag.ts';
import { makeTag } from './testing.ts';
import { slowViewerLimits, Viewer, type SlowViewerLimits } from './viewer.ts';

const head = Buffer.from('HEAD');

function makeAudience() {
  const clock = new ManualClock();
  const cache = new GopCache();
  const joinPoint = (sequence: number) => {
    const tags = cache.upTo(sequence);
    return { payload: encodePayload(tags, [head]), hasPicture: tags.length > 0 };
  };
  const fanout = new Fanout(clock);
  const audience = new Audience({ latency: 'low', fanout, joinPoint });
  const add = (tag: Tag): Tag => {
    cache.add(tag);
    audience.add(tag);
    return tag;
  };
  return { clock, fanout, audience, add };
}

function makeViewer(options: { limits?: SlowViewerLimits } = {}) {
  let chunks: Buffer[] = [];
  const write = (chunk: Buffer, _encoding: unknown, done: () => void): void => (chunks.push(chunk), done());
  const socket = new Duplex({ read: () => undefined, write });
  const counters = { disposableShed: 0, picturesShed: 0, batchesShed: 0, viewersEvicted: 0 };
  const limits = options.limits ?? slowViewerLimits;
  const viewer = new Viewer({ socket, framing: 'flv', latency: 'low', remoteAddress: '', limits, counters });
  const received = (): Buffer => {
    const bytes = Buffer.concat(chunks);
    chunks = [];
    return bytes;
  };
  return { viewer, socket, counters, received };
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

test('a slow viewer loses disposable frames, then pictures, then all; and is closed at last', () => {
  const { audience, add, clock } = makeAudience();
  let backlog = 0;
  const limits = { disposableBytes: 100, pictureBytes: 200, stopBytes: 300, evictMs: 1000 };
  const { viewer, socket, counters, received } = makeViewer({ limits });
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
  const needed = makeTag({});
  expect(deliver(150, makeTag({ disposable: true }), needed)).toEqual(bytesOf(needed));
  const audio = makeTag({ kind: 'audio' });
  expect(deliver(250, makeTag({}), audio)).toEqual(bytesOf(audio));
  expect(deliver(350, makeTag({}), makeTag({ kind: 'audio' }))).toEqual(Buffer.alloc(0));
  const key = makeTag({ keyFrame: true });
  expect(deliver(10, makeTag({}), key)).toEqual(bytesOf(key));
  expect(counters).toEqual({ disposableShed: 1, picturesShed: 1, batchesShed: 1, viewersEvicted: 0 });
  clock.advance(500);
  deliver(350, makeTag({}));
  clock.advance(1001);
  deliver(350, makeTag({}));
  expect(counters.viewersEvicted).toBe(1);
  expect(socket.destroyed).toBe(true);
});
