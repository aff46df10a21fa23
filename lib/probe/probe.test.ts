import { expect, test, vi } from 'vitest';
import { probeAll, type Probe } from './index.ts';

const probe = (ask: () => Promise<string>): Probe => ({
  engine: 'engine',
  feature: 'all',
  address: 'here:1',
  ask,
});

test('an answer, a refusal and a silence are told apart, each in its time', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const cause = new Error('connect ECONNREFUSED\nand more');
  const asking = probeAll([
    probe(async () => '7.0'),
    probe(() => Promise.reject(new Error('it failed', { cause }))),
    probe(() => new Promise(() => undefined)),
  ]);
  await vi.advanceTimersByTimeAsync(2000);
  const results = await asking;
  vi.useRealTimers();
  expect(results.map(({ up, says }) => [up, says])).toEqual([
    [true, '7.0'],
    [false, 'connect ECONNREFUSED'],
    [false, 'no answer in 2000 ms'],
  ]);
  expect(results[0]).toMatchObject({ engine: 'engine', feature: 'all', address: 'here:1' });
});
