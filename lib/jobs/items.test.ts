import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { forEachItem } from './items.ts';

const { signal } = new AbortController();
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

test('each item has its turn, so many at once, whatever becomes of others', async () => {
  const seen: number[] = [];
  let [active, most] = [0, 0];
  const work = async (item: number): Promise<void> => {
    most = Math.max(most, ++active);
    await sleep(1);
    active--;
    seen.push(item);
    if (item % 10 === 3) throw new Error(`item ${item}`);
  };
  const answer = await forEachItem(numbers(50), work, { signal, concurrency: 4 });
  expect(answer).toMatchObject({
    done: 45,
    failed: 5,
    error: expect.objectContaining({ message: 'item 3' }),
  });
  expect(seen.toSorted((one, two) => one - two)).toEqual(numbers(50));
  expect(most).toBe(4);
});

test('nothing begins after the end of the tick, and what is under way ends first', async () => {
  const controller = new AbortController();
  let active = 0;
  const work = async (item: number): Promise<void> => {
    active++;
    if (item === 5) controller.abort(new Error('lost'));
    await sleep(5);
    active--;
  };
  const walking = forEachItem(numbers(100), work, { signal: controller.signal, concurrency: 3 });
  await expect(walking).rejects.toThrow('lost');
  expect(active).toBe(0);
});

test('items that take no time hold up nothing else', async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const spin = (): void => {
    const endMs = performance.now() + 1;
    while (performance.now() < endMs);
  };
  await forEachItem(numbers(100), spin, { signal });
  clearInterval(timer);
  expect(turns).toBeGreaterThan(5);
});
