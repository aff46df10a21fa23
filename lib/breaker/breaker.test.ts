import { beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../clock/index.ts';
import { CodedError } from '../error/index.ts';
import { createLogger } from '../logger/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { Breakers, type BreakerChange, type BreakerPolicy } from './index.ts';

const policy: BreakerPolicy = { tripFailures: 2, tripSlowRate: 0.5, slowMs: 1000, callsMin: 4, probes: 2 };
const unavailable = new CodedError({ DOWN: { http: 503, grpc: 14, message: 'down' } }, 'DOWN');
const unknown = new CodedError({ UNKNOWN: { http: 404, grpc: 5, message: 'unknown' } }, 'UNKNOWN');
const metrics = createMetrics('breaker-test');
const clock = new ManualClock();
let changes: BreakerChange[] = [];
const breakers = new Breakers({
  clock,
  metrics,
  logger: createLogger({ name: 'test', level: 'silent' }),
  breakersMax: 3,
  onChange: (change) => {
    changes.push(change);
    throw new Error('a listener must not reach the caller');
  },
});
let serial = 0;
const fresh = () => breakers.get({ dependency: 'hook', instance: String(++serial), policy });
const fail = (error: Error) => async (): Promise<never> => {
  throw error;
};
const answer = async (): Promise<string> => 'answer';

beforeEach(() => {
  changes = [];
});

test('answers and errors pass; after enough failures calls are refused, with the time to come back', async () => {
  const breaker = fresh();
  expect(await breaker.run(answer)).toBe('answer');
  for (let calls = 0; calls < 2; calls++)
    await expect(breaker.run(fail(unavailable))).rejects.toBe(unavailable);
  let isCalled = false;
  const refused = breaker.run(async () => void (isCalled = true));
  await expect(refused).rejects.toMatchObject({ code: 'BREAKER_OPEN', retryAfterSeconds: 1 });
  expect(isCalled).toBe(false);
  clock.advance(1000);
  for (let probes = 0; probes < 2; probes++) expect(await breaker.run(answer)).toBe('answer');
  expect(changes.map(({ from, to, openMs }) => [from, to, openMs])).toEqual([
    ['closed', 'open', 1000],
    ['open', 'halfOpen', 0],
    ['halfOpen', 'closed', 0],
  ]);
});

test('while one probe is under way all others are refused; its failure opens again', async () => {
  const breaker = fresh();
  for (let calls = 0; calls < 2; calls++) await breaker.run(fail(unavailable)).catch(() => undefined);
  clock.advance(1000);
  const { promise, reject } = Promise.withResolvers<never>();
  const probe = breaker.run(() => promise);
  await expect(breaker.run(answer)).rejects.toMatchObject({ code: 'BREAKER_OPEN' });
  reject(unavailable);
  await expect(probe).rejects.toBe(unavailable);
  expect(breaker.phase).toBe('open');
});

test('what the caller did wrong and what it cancelled is no failure; its deadline is', async () => {
  const breaker = fresh();
  const cancelled = new AbortController();
  for (let calls = 0; calls < 5; calls++) {
    await expect(breaker.run(fail(unknown))).rejects.toBe(unknown);
    const work = breaker.run(fail(unavailable), { signal: cancelled.signal });
    if (calls === 0) cancelled.abort(new Error('gone'));
    await expect(work).rejects.toThrow();
  }
  expect(breaker.phase).toBe('closed');
  for (let calls = 0; calls < 2; calls++) {
    const signal = AbortSignal.timeout(1);
    const late = breaker.run(
      () => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      { signal },
    );
    await expect(late).rejects.toThrow();
  }
  expect(breaker.phase).toBe('open');
});

test('a cancelled probe leaves its place to the next', async () => {
  const breaker = fresh();
  for (let calls = 0; calls < 2; calls++) await breaker.run(fail(unavailable)).catch(() => undefined);
  clock.advance(1000);
  const controller = new AbortController();
  const probe = breaker.run(
    (signal) => new Promise((_, reject) => signal!.addEventListener('abort', () => reject(signal!.reason))),
    { signal: controller.signal },
  );
  controller.abort(new Error('gone'));
  await expect(probe).rejects.toThrow('gone');
  expect(await breaker.run(answer)).toBe('answer');
});

test('slow answers trip it as well', async () => {
  const breaker = fresh();
  for (let calls = 0; calls < 4; calls++) {
    const slow = async (): Promise<void> => clock.advance(calls % 2 ? 1000 : 10);
    await breaker.run(slow);
  }
  expect(breaker.phase).toBe('open');
});

test('each dependency and instance has its own, within a bound; all are on the metrics page', async () => {
  const first = breakers.get({ dependency: 'hook', instance: 'first' });
  expect(breakers.get({ dependency: 'hook', instance: 'first' })).toBe(first);
  expect(breakers.get({ dependency: 'hook' })).not.toBe(first);
  const ill = breakers.get({ dependency: 'hook', instance: 'ill', policy });
  for (let calls = 0; calls < 2; calls++) await ill.run(fail(unavailable)).catch(() => undefined);
  const text = await metrics.text();
  expect(text).toMatch(/gala_breaker_state\{.*instance="first".*\} 0/);
  expect(text).toMatch(/gala_breaker_state\{.*instance="ill".*\} 2/);
  expect(text.match(/^gala_breaker_state\{/gm)).toHaveLength(3);
  expect(text).toMatch(/gala_breaker_evictions_total\{.*\} [1-9]/);
});
