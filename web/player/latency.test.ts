import { expect, test } from 'vitest';
import { choosePlaybackRate, latencies, latencyProfiles, parseLatency } from './latency.ts';

const profile = latencyProfiles.low;
const pace = (aheadSeconds: number, rate = 1, cushion = 1): number =>
  choosePlaybackRate({ aheadSeconds, rate, profile, cushion });

test('at the target it plays as recorded', () => {
  expect(pace(profile.targetSeconds)).toBe(1);
  expect(pace(profile.startSeconds)).toBe(1);
});

test('it chases from above the mark down to the target, not only to the mark', () => {
  const chase = pace(profile.chaseSeconds + 0.1);
  expect(chase).toBeGreaterThan(1);
  expect(pace(profile.chaseSeconds - 0.1, chase)).toBe(chase);
  expect(pace(profile.targetSeconds - 0.01, chase)).toBe(1);
});

test('it saves a nearly empty buffer, until that has recovered', () => {
  const slow = pace(0.1);
  expect(slow).toBeLessThan(1);
  expect(pace(profile.targetSeconds * 0.5, slow)).toBe(slow);
  expect(pace(profile.targetSeconds * 0.5)).toBe(1);
});

test('a deeper cushion is not chased away', () => {
  expect(pace(profile.chaseSeconds + 0.2, 1, 2)).toBe(1);
});

test.each(latencies)(
  '%s: a picture that starts at a GOP of 2 s comes to its target without a seek or stall',
  (name) => {
    const { targetSeconds, startSeconds } = latencyProfiles[name];
    for (const start of [startSeconds, 1, 2, 4]) {
      let aheadSeconds = start;
      let rate = 1;
      for (let tick = 0; tick < 60 * 5; tick++) {
        rate = choosePlaybackRate({ aheadSeconds, rate, profile: latencyProfiles[name], cushion: 1 });
        aheadSeconds += 0.2 * (1 - rate);
        expect(aheadSeconds).toBeGreaterThan(0.25);
      }
      expect(aheadSeconds).toBeLessThan(
        Math.max(targetSeconds + 0.05, latencyProfiles[name].chaseSeconds + 0.01),
      );
    }
  },
);

test('an unknown latency of the address is low', () => {
  expect(parseLatency('economy')).toBe('economy');
  expect([parseLatency('best'), parseLatency(null)]).toEqual(['low', 'low']);
});
