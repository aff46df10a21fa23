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
