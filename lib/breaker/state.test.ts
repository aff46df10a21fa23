import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BreakerState, completePolicy } from './state.ts';
import { addCall, createCountWindow, createTimeWindow, failed, slow, succeeded } from './window.ts';

const marks = fc.constantFrom(succeeded, failed, slow, slow | failed);
const counted = (all: readonly number[]) => ({
  calls: all.length,
  failures: all.filter((mark) => mark & failed).length,
  slows: all.filter((mark) => mark & slow).length,
});

test('a window of calls counts the last calls', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.array(marks, { maxLength: 40 }), (size, calls) => {
      const window = createCountWindow(size);
      for (const mark of calls) addCall(window, mark, 0);
      expect(window).toMatchObject(counted(calls.slice(-size)));
    }),
  );
});

test('a window of time counts the calls of its buckets, after any silence', () => {
  const steps = fc.array(fc.record({ mark: marks, waitMs: fc.nat({ max: 150 }) }), {
    minLength: 1,
    maxLength: 40,
  });
  fc.assert(
    fc.property(steps, fc.nat({ max: 1e9 }), (calls, startMs) => {
      const window = createTimeWindow(100, 10);
      let nowMs = startMs;
      const made: { bucket: number; mark: number }[] = [];
      for (const { mark, waitMs } of calls) {
        nowMs += waitMs;
        made.push({ bucket: Math.floor(nowMs / 10), mark });
        addCall(window, mark, nowMs);
      }
      const inside = made.filter(({ bucket }) => bucket > Math.floor(nowMs / 10) - 10);
      expect(window).toMatchObject(counted(inside.map(({ mark }) => mark)));
    }),
  );
});

/** One outage: trips at `atMs`, fails every probe before `healsAtMs`; when it closed again. */
function outage(state: BreakerState, atMs: number, healsAtMs: number): number {
  state.settle(state.enter(atMs), failed, atMs);
  for (let nowMs = atMs; ; nowMs += 100) {
    const permit = state.enter(nowMs);
    if (permit) state.settle(permit, nowMs < healsAtMs ? failed : succeeded, nowMs);
    if (state.phase === 'closed') return nowMs;
  }
}

test('the open time follows the measured time to repair, up and down, within its bounds', () => {
  const state = new BreakerState(completePolicy({ tripFailures: 1 }));
  expect(state.openMs()).toBe(1000);
  let nowMs = outage(state, 0, 20_000);
  expect(state.openMs()).toBeGreaterThan(19_000);
  expect(state.openMs()).toBeLessThanOrEqual(20_000);
  nowMs = outage(state, nowMs, nowMs + 3_600_000);
  expect(state.openMs()).toBe(60_000);
  for (let blips = 0; blips < 60; blips++) nowMs = outage(state, nowMs, nowMs + 1);
  expect(state.openMs()).toBe(1000);
});

test('rates are not judged before there are enough calls, and few failures among many do not trip', () => {
  const state = new BreakerState(completePolicy({ window: { calls: 40 } }));
  for (let calls = 0; calls < 19; calls++) state.settle(state.enter(0), failed, 0);
  expect(state.phase).toBe('closed');
  state.settle(state.enter(0), succeeded, 0);
  expect(state.phase).toBe('open');
  const steady = new BreakerState(completePolicy({ window: { calls: 40 } }));
  for (let calls = 0; calls < 1000; calls++)
    steady.settle(steady.enter(0), calls % 3 ? succeeded : failed, 0);
  expect(steady.phase).toBe('closed');
});

test('a window shorter than the least number of calls can trip all the same', () => {
  const state = new BreakerState(completePolicy({ window: { calls: 5 } }));
  for (let calls = 0; calls < 5; calls++) state.settle(state.enter(0), failed, 0);
  expect(state.phase).toBe('open');
});

/** Goal: over long random histories with any policy, it closes when the dependency is well and only then trips. */
test('any history: the breaker never trips on successes, and always comes back', () => {
  const policy = fc.record({
    window: fc.oneof(
      fc.record({ calls: fc.integer({ min: 1, max: 50 }) }),
      fc.record({ ms: fc.integer({ min: 10, max: 5000 }) }),
    ),
    tripFailures: fc.constantFrom(Infinity, 1, 5),
    tripFailureRate: fc.double({ min: 0.1, max: 1, noNaN: true }),
    tripSlowRate: fc.constantFrom(Infinity, 0.5),
    callsMin: fc.integer({ min: 1, max: 30 }),
    probes: fc.integer({ min: 1, max: 5 }),
  });
  const step = fc.record({ waitMs: fc.nat({ max: 3000 }), mark: marks, isLost: fc.boolean() });
  fc.assert(
    fc.property(policy, fc.array(step, { maxLength: 200 }), (chosen, steps) => {
      const state = new BreakerState(completePolicy(chosen));
      let nowMs = 0;
      for (const { waitMs, mark, isLost } of steps) {
        nowMs += waitMs;
        const before = state.phase;
        const permit = state.enter(nowMs);
        if (permit === 0 || isLost) continue;
        state.settle(permit, mark, nowMs);
        if (before === 'closed' && state.phase === 'open')
          expect(state.window.failures + state.window.slows).toBeGreaterThan(0);
        if (state.phase === 'open') expect(state.untilMs - nowMs).toBeLessThanOrEqual(60_000);
      }
      nowMs += 70_000;
      for (let calls = 0; calls < state.policy.probes; calls++)
        state.settle(state.enter(nowMs), succeeded, nowMs);
      // A closed window with old failures may still trip on the call that makes it long enough: it is well again after.
      if (state.phase !== 'closed') {
        nowMs += 70_000;
        for (let calls = 0; calls < state.policy.probes; calls++)
          state.settle(state.enter(nowMs), succeeded, nowMs);
      }
      expect(state.phase).toBe('closed');
    }),
  );
});
