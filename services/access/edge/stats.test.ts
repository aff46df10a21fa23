import { ManualClock } from '@gala/lib/clock';
import { expect, test } from 'vitest';
import { StreamStats } from './stats.ts';
import { makeTag } from './testing.ts';

test('rates of the last second; set-up and sound are no pictures; silence brings them to 0', () => {
  const clock = new ManualClock();
  const stats = new StreamStats({ clock });
  stats.count(makeTag({ sequenceHeader: true, size: 100 }));
  for (let index = 0; index < 25; index++) {
    stats.count(makeTag({ size: 900 }));
    stats.count(makeTag({ kind: 'audio', size: 100 }));
    clock.advance(40);
  }
  expect(stats.framesPerSecond).toBe(25);
  expect(stats.bitsPerSecond).toBe((100 + 25 * 1000) * 8);
  clock.advance(999);
  expect(stats.framesPerSecond).toBe(25);
  clock.advance(1);
  expect(stats.framesPerSecond).toBe(0);
  expect(stats.bitsPerSecond).toBe(0);
});

test('the distance between key frames is in stream time', () => {
  const stats = new StreamStats({ clock: new ManualClock() });
  expect(stats.gopMs).toBe(0);
  for (const timestampMs of [1000, 3000, 4500]) stats.count(makeTag({ keyFrame: true, timestampMs }));
  expect(stats.gopMs).toBe(1500);
});

/** Tags of 25 pictures and 50 sounds a second over `seconds`, each as its clock and its way make it. */
function play(
  stats: StreamStats,
  clock: ManualClock,
  options: {
    readonly seconds: number;
    readonly rate?: number;
    readonly soundBehindMs?: number;
    readonly everyMs?: number;
    /** Stream time of the first tag. */
    readonly beganMs?: number;
  },
): void {
  const { seconds, rate = 1, soundBehindMs = 0, everyMs = 20, beganMs = 0 } = options;
  for (let atMs = 0; atMs < seconds * 1000; atMs += everyMs) {
    clock.advance(everyMs);
    for (let tickMs = atMs; tickMs < atMs + everyMs; tickMs += 20) {
      if (tickMs % 40 === 0) stats.count(makeTag({ timestampMs: beganMs + tickMs * rate }));
      stats.count(makeTag({ kind: 'audio', timestampMs: beganMs + tickMs * rate - soundBehindMs }));
    }
  }
}

test('an even stream in step has no jitter, no skew to speak of and no drift', () => {
  const clock = new ManualClock();
  const stats = new StreamStats({ clock });
  play(stats, clock, { seconds: 10 });
  expect(stats.jitterMs).toBe(0);
  expect(Math.abs(stats.skewMs)).toBeLessThanOrEqual(20);
  expect(stats.driftMs).toBe(0);
});

test('an encoder that is 1 % slow falls behind the wall clock, and a new publisher begins anew', () => {
  const clock = new ManualClock();
  const stats = new StreamStats({ clock });
  play(stats, clock, { seconds: 32, rate: 0.99 });
  expect(stats.driftMs).toBeGreaterThan(-330);
  expect(stats.driftMs).toBeLessThan(-290);
  stats.beginPublisher();
  expect([stats.driftMs, stats.jitterMs, stats.skewMs]).toEqual([0, 0, 0]);
});

test('a publisher that was held up at its start has not drifted when it has caught up', () => {
  const clock = new ManualClock();
  const stats = new StreamStats({ clock });
  play(stats, clock, { seconds: 6, rate: 2 });
  const beganMs = 12_000;
  play(stats, clock, { seconds: 10, beganMs });
  expect(Math.abs(stats.driftMs)).toBeLessThanOrEqual(40);
});

test('an encoder that is always fast is said to drift', () => {
  const clock = new ManualClock();
  const stats = new StreamStats({ clock });
  play(stats, clock, { seconds: 40, rate: 1.2 });
  expect(stats.driftMs).toBeGreaterThan(3000);
});

test('media in bursts shows as jitter', () => {
  const clock = new ManualClock();
  const stats = new StreamStats({ clock });
  play(stats, clock, { seconds: 10, everyMs: 400 });
  // Nine of ten pictures come 40 ms early, one 360 ms late.
  expect(stats.jitterMs).toBeGreaterThan(40);
  expect(stats.jitterMs).toBeLessThan(120);
});

test('sound behind the pictures shows as skew', () => {
  const clock = new ManualClock();
  const stats = new StreamStats({ clock });
  play(stats, clock, { seconds: 10, soundBehindMs: 200 });
  expect(stats.skewMs).toBeGreaterThan(180);
  expect(stats.skewMs).toBeLessThan(220);
});

test('what is sent is a rate too', () => {
  const clock = new ManualClock();
  let bytesOut = 0;
  const stats = new StreamStats({ clock, bytesOut: () => bytesOut });
  bytesOut = 125_000;
  clock.advance(1000);
  expect(stats.bitsOutPerSecond).toBe(1_000_000);
  clock.advance(1000);
  expect(stats.bitsOutPerSecond).toBe(0);
});
