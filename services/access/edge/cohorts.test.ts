import { ManualClock } from '@gala/lib/clock';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Cohorts } from './cohorts.ts';
import { Fanout } from './fanout.ts';
import { GopCache } from './gop-cache.ts';
import { Payload } from './payload.ts';
import type { Tag } from './tag.ts';
import { makeTag, makeViewer } from './testing.ts';

const tickMs = 100;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function makeCohorts() {
  const cache = new GopCache();
  const joinPoint = (sequence: number) => {
    const tags = cache.upTo(sequence);
    return {
      opening: new Payload(tags.slice(0, 1)),
      rest: new Payload(tags.slice(1)),
      hasPicture: tags.length > 0,
    };
  };
  const fanout = new Fanout(new ManualClock());
  const cohorts = new Cohorts({
    latency: 'low',
    fanout,
    joinPoint,
    counters: { pendingOverflows: 0 },
    tickMs,
  });
  const add = (tag: Tag): Tag => {
    cache.add(tag);
    cohorts.add(tag);
    return tag;
  };
  const join = (count: number) => {
    const viewers = Array.from({ length: count }, () => makeViewer());
    for (const { viewer } of viewers) cohorts.join(viewer);
    return viewers;
  };
  return { cohorts, add, join };
}

const bytesOf = (...tags: Tag[]) => Buffer.concat(tags.map((tag) => tag.bytes));

test('a crowd gets its tick in parts, spread over it, and each viewer everything once', () => {
  const { cohorts, add, join } = makeCohorts();
  const key = add(makeTag({ keyFrame: true }));
  const first = join(2_500);
  const inter = add(makeTag({}));
  const late = join(10);
  for (const { received } of first) expect(received()).toEqual(bytesOf(key));
  // When the first viewer of each cohort got the frame.
  const atMs: (number | undefined)[] = [undefined, undefined, undefined];
  const waiting = new Set(first);
  for (let ms = 0; ms < 1.5 * tickMs; ms++) {
    vi.advanceTimersByTime(1);
    for (const each of waiting) {
      if (!each.received().equals(bytesOf(inter))) continue;
      waiting.delete(each);
      atMs[each.viewer.cohort] ??= ms;
    }
  }
  expect(waiting.size).toBe(0);
  const [one, two, three] = atMs.map((ms) => ms!);
  const apartMs = [two - one, three - two].map((ms) => (ms + tickMs) % tickMs);
  for (const ms of apartMs) expect(Math.abs(ms - tickMs / 5)).toBeLessThanOrEqual(2);
  for (const { received } of late) expect(received()).toEqual(bytesOf(key, inter));
  expect(cohorts.size).toBe(2_510);
});

test('a viewer leaves its own cohort, whose place the next one takes', () => {
  const { cohorts, join } = makeCohorts();
  const viewers = join(1_500);
  for (const { viewer } of viewers.slice(0, 200)) cohorts.leave(viewer);
  expect(cohorts.size).toBe(1_300);
  const [next] = join(1);
  expect(next.viewer.cohort).toBe(0);
  expect(cohorts.viewers).toHaveLength(1_301);
  for (const { viewer } of [...viewers.slice(200), next]) cohorts.leave(viewer);
  expect(cohorts.size).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test('cohorts are bounded: beyond, the smallest grows', () => {
  const { cohorts, join } = makeCohorts();
  const viewers = join(5_500);
  const sizes = [0, 0, 0, 0, 0];
  for (const { viewer } of viewers) sizes[viewer.cohort]++;
  expect(sizes).toEqual([1_100, 1_100, 1_100, 1_100, 1_100]);
  cohorts.end();
  expect(viewers.every(({ socket }) => socket.writableEnded)).toBe(true);
});

test('ticks keep their place however late they are', () => {
  const { cohorts, add, join } = makeCohorts();
  add(makeTag({ keyFrame: true }));
  const [{ received }] = join(1);
  received();
  const atMs: number[] = [];
  for (let ms = 0; ms < 1_000; ms++) {
    add(makeTag({}));
    vi.advanceTimersByTime(1);
    if (received().length > 0) atMs.push(ms);
  }
  expect(atMs).toHaveLength(10);
  expect(atMs.at(-1)! - atMs[0]).toBe(900);
  cohorts.end();
});
