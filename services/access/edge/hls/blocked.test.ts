import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Blocked } from './blocked.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const { signal } = new AbortController();

test('requests wait until they are due, and no other is answered', async () => {
  const blocked = new Blocked({ taken: 0, max: 10 });
  let part = 0;
  const answered: number[] = [];
  const waits = [3, 1, 2].map(async (wanted) => {
    await blocked.until({ isDue: () => part >= wanted, limitMs: 60_000, signal });
    answered.push(wanted);
  });
  for (part = 1; part <= 3; part++) {
    blocked.wake();
    await vi.advanceTimersByTimeAsync(0);
    expect(answered).toHaveLength(part);
  }
  await Promise.all(waits);
  expect(answered).toEqual([1, 2, 3]);
});

test('many are answered in turns of the event loop', async () => {
  const places = { taken: 0, max: 1000 };
  const blocked = new Blocked(places);
  let isDue = false;
  const waits = Array.from({ length: 300 }, () =>
    blocked.until({ isDue: () => isDue, limitMs: 60_000, signal }),
  );
  isDue = true;
  blocked.wake();
  await Promise.resolve();
  await Promise.resolve();
  await Promise.resolve();
  expect(places.taken).toBeGreaterThanOrEqual(300 - 128);
  await vi.advanceTimersByTimeAsync(1);
  await Promise.all(waits);
  expect(places.taken).toBe(0);
});

test('places, time and clients have an end', async () => {
  const places = { taken: 0, max: 2 };
  const blocked = new Blocked(places);
  const gone = new AbortController();
  const late = blocked.until({ isDue: () => false, limitMs: 1000, signal });
  const left = blocked.until({ isDue: () => false, limitMs: 1000, signal: gone.signal });
  await expect(blocked.until({ isDue: () => false, limitMs: 1000, signal })).rejects.toMatchObject({
    code: 'TOO_MANY_VIEWERS',
  });
  gone.abort();
  await left;
  expect(places.taken).toBe(1);
  const refused = expect(late).rejects.toMatchObject({ code: 'UNAVAILABLE', retryAfterSeconds: 1 });
  await vi.advanceTimersByTimeAsync(1000);
  await refused;
  expect(places.taken).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test('after a release nobody waits', async () => {
  const blocked = new Blocked({ taken: 0, max: 2 });
  const wait = blocked.until({ isDue: () => false, limitMs: 1000, signal });
  const refused = expect(wait).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  blocked.release();
  await refused;
  await expect(blocked.until({ isDue: () => false, limitMs: 1000, signal })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
});
