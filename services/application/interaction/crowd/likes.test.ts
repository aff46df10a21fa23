import { expect, test } from 'vitest';
import { defaultLikeLimits, Likes } from './likes.ts';

const counters = () => ({ counted: 0, refused: 0 });
const from = (userId: number, device = `device ${userId}`) => ({ userId, device });

test('likes are counted up to a rate, by user and by device', () => {
  const counted = counters();
  const likes = new Likes({ counters: counted, total: 1000 });
  expect(likes.add(from(1), 30, 0)).toBe(30);
  expect(likes.add(from(1), 90, 1000)).toBe(70);
  // Another device of the same user, and another user of the same device.
  expect(likes.add(from(1, 'second'), 5, 1000)).toBe(0);
  expect(likes.add(from(2, 'device 1'), 5, 1000)).toBe(0);
  expect(likes.add(from(0, 'guest'), 5, 1000)).toBe(5);
  expect(likes.add(from(1), 5, 10_000)).toBe(5);
  expect(likes.total).toBe(1110);
  expect(counted).toEqual({ counted: 110, refused: 30 });
});

test('who is counted in a window is bounded', () => {
  const likes = new Likes({ counters: counters(), limits: { ...defaultLikeLimits, speakersMax: 10 } });
  const granted = Array.from({ length: 20 }, (_, user) => likes.add(from(user + 1), 1, 0));
  expect(granted.reduce((sum, each) => sum + each, 0)).toBe(5);
  expect(likes.add(from(1), 1, 0)).toBe(1);
  expect(likes.add(from(99), 1, 10_000)).toBe(1);
});

test('the total is told once a second at most, and only when it has changed', () => {
  const likes = new Likes({ counters: counters(), total: 5 });
  expect(likes.takeTotal(0)).toBeUndefined();
  likes.add(from(1), 2, 0);
  expect(likes.takeTotal(0)).toEqual({ total: 7 });
  likes.add(from(1), 2, 0);
  expect(likes.takeTotal(999)).toBeUndefined();
  expect(likes.takeTotal(1000)).toEqual({ total: 9 });
  expect(likes.takeTotal(5000)).toBeUndefined();
});
