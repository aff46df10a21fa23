import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Timeline } from './timeline.ts';

const wrap = (ms: number) => ((ms % 2 ** 32) + 2 ** 32) % 2 ** 32;

/** Plays `count` video frames of 33 ms whose wire clock starts at `wireMs`; answers the output times. */
function play(timeline: Timeline, options: { wireMs: number; count: number; arrivalMs?: number }): number[] {
  const start = options.arrivalMs ?? 0;
  return Array.from({ length: options.count }, (_, index) =>
    timeline.correct('video', wrap(options.wireMs + index * 33), start + index * 33),
  );
}

test.each([0, 2 ** 24 - 50, 2 ** 31 - 50, 2 ** 32 - 50])(
  'the output starts at 0 and passes a wire clock of %i',
  (wireMs) => {
    const out = play(new Timeline(), { wireMs, count: 10 });
    expect(out).toEqual(Array.from({ length: 10 }, (_, index) => index * 33));
  },
);

test('a clock that jumps becomes one frame, in either direction, and is counted', () => {
  const timeline = new Timeline();
  play(timeline, { wireMs: 1000, count: 3 });
  expect(timeline.correct('video', 900_000, 99)).toBe(99);
  expect(timeline.correct('video', 33, 132)).toBe(132);
  expect(timeline.jumps).toBe(2);
});

test('a pause that really passed stays a pause', () => {
  const timeline = new Timeline();
  play(timeline, { wireMs: 0, count: 2 });
  expect(timeline.correct('video', 3033, 3040)).toBe(3033);
  expect(timeline.jumps).toBe(0);
});

test('audio keeps its distance to video, and each track is monotonic by itself', () => {
  const timeline = new Timeline();
  expect(timeline.correct('video', 100, 0)).toBe(0);
  expect(timeline.correct('video', 133, 33)).toBe(33);
  expect(timeline.correct('audio', 110, 34)).toBe(10);
  expect(timeline.correct('audio', 105, 35)).toBe(10);
  expect(timeline.correct('video', 133, 36)).toBe(34);
});

test('the next publisher goes on where the time is, whatever its clock says', () => {
  const timeline = new Timeline();
  play(timeline, { wireMs: 0, count: 31 });
  timeline.join();
  expect(timeline.correct('video', 4_000_000_000, 990 + 5000)).toBe(990 + 5000);
  expect(timeline.correct('video', wrap(4_000_000_033), 990 + 5033)).toBe(990 + 5033);
});

test('what the hold appends and what follows it never runs backwards', () => {
  const timeline = new Timeline();
  play(timeline, { wireMs: 0, count: 2 });
  expect(timeline.extend('audio', 533, -200)).toBe(333);
  expect(timeline.extend('video', 533)).toBe(533);
  expect(timeline.extend('video', 1033)).toBe(1033);
  expect(timeline.correct('video', 7, 1033)).toBeGreaterThan(1033);
});

test('50 days of every sixth frame at 30 a second across every wrap: monotonic, drift at most 20 ms', () => {
  const timeline = new Timeline();
  const days = 50;
  // Every sixth frame is enough: 200 ms steps keep the test short and stay below a jump.
  const stepMs = (1000 / 30) * 6;
  const frames = Math.floor((days * 86_400_000) / stepMs);
  let last = -1;
  let worstMs = 0;
  for (let index = 0; index < frames; index++) {
    const trueMs = Math.round(index * stepMs);
    const out = timeline.correct('video', wrap(2 ** 31 - 1_000_000 + trueMs), trueMs);
    if (out <= last) throw new Error(`ran backwards at ${trueMs} ms`);
    last = out;
    worstMs = Math.max(worstMs, Math.abs(out - trueMs));
  }
  expect(worstMs).toBeLessThanOrEqual(20);
});

test('whatever arrives, each track is monotonic', () => {
  const event = fc.record({
    kind: fc.constantFrom('audio' as const, 'video' as const, 'data' as const),
    wireMs: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    waitMs: fc.integer({ min: 0, max: 5000 }),
    join: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      const timeline = new Timeline();
      const last = { audio: -1, video: -1, data: -1 };
      let nowMs = 0;
      for (const { kind, wireMs, waitMs, join } of events) {
        nowMs += waitMs;
        if (join) timeline.join();
        const out = timeline.correct(kind, wireMs, nowMs);
        expect(out).toBeGreaterThanOrEqual(last[kind]);
        last[kind] = out;
      }
    }),
  );
});

test('the clock of another edge is taken as it is, from its own times on', () => {
  const timeline = new Timeline();
  timeline.follow(90_000);
  // What it has kept comes at once; a picture a second is no jump, and neither is a wire clock that is behind.
  expect(timeline.correct('video', 88_000, 5)).toBe(88_000);
  expect(timeline.correct('audio', 88_900, 5)).toBe(88_900);
  expect(timeline.correct('video', 89_000, 5)).toBe(89_000);
  expect(timeline.correct('video', 90_000, 5)).toBe(90_000);
  expect(timeline.correct('video', 91_000, 1_005)).toBe(91_000);
  expect(timeline.jumps).toBe(0);
});

test('after an interruption what another edge has kept lies before now, and no later than that', () => {
  const timeline = new Timeline();
  timeline.follow(1_000);
  expect(timeline.correct('video', 1_000, 0)).toBe(1_000);
  expect(timeline.extend('video', 500)).toBe(1_500);
  // Another edge, with two seconds since its last key frame.
  timeline.follow(7_000);
  const kept = [5_000, 5_033, 6_000, 7_000].map((wireMs) => timeline.correct('video', wireMs, 600));
  expect(kept).toEqual([1_501, 1_502, 1_503, 1_600]);
  expect(timeline.correct('video', 7_040, 640)).toBe(1_640);
});

test('a publisher of our own behind a followed clock is joined as ever', () => {
  const timeline = new Timeline();
  timeline.follow(5_000);
  expect(timeline.correct('video', 5_000, 0)).toBe(5_000);
  timeline.join();
  expect(timeline.correct('video', 77, 100)).toBe(5_100);
  expect(timeline.correct('video', 900_000, 133)).toBe(5_133);
  expect(timeline.jumps).toBe(1);
});
