import { Breakers } from '@gala/lib/breaker';
import { systemClock } from '@gala/lib/clock';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { expect, test } from 'vitest';
import { HookEndpoint } from './endpoint.ts';
import { HookEvents } from './events.ts';
import { HookQueue, type Notification } from './queue.ts';
import { hookSecret, isSigned, receiveHooks, type HookReceiver } from './testing.ts';

const waited = { timeout: 10_000 };

function open(receiver: HookReceiver, options: { queuedMax?: number; retryForMs?: number } = {}) {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const metrics = createMetrics('test');
  const clock = systemClock;
  const breakers = new Breakers({ clock, logger, metrics });
  const endpoint = new HookEndpoint({
    url: receiver.url,
    secret: hookSecret,
    timeoutMs: 500,
    clock,
    breakers,
  });
  const events = new HookEvents(logger, metrics);
  const queue = new HookQueue({ endpoint, clock, events, queuedMax: 100, retryForMs: 60_000, ...options });
  return { queue, endpoint, metrics, counters: events.counters };
}

const notification = (id: string, lane = 'a room'): Notification => ({
  event: 'onUnpublish',
  lane,
  body: JSON.stringify({ event: 'onUnpublish', id }),
});

const ids = (receiver: HookReceiver): unknown[] => receiver.calls.map(({ body }) => body.id);

test('what fails is tried again under the same id, before anything later of its room', async () => {
  await using receiver = await receiveHooks();
  const { queue, counters } = open(receiver);
  let failures = 2;
  receiver.answer = ({ body }, response) => {
    if (body.id === 'one' && failures-- > 0) response.writeHead(500).end();
  };
  for (const id of ['one', 'two', 'three']) queue.push(notification(id));
  queue.push(notification('elsewhere', 'another room'));
  await expect.poll(() => counters.delivered, waited).toBe(4);
  expect(ids(receiver).filter((id) => id !== 'elsewhere')).toEqual(['one', 'one', 'one', 'two', 'three']);
  expect(receiver.calls.every(isSigned)).toBe(true);
  expect(ids(receiver).indexOf('elsewhere')).toBeLessThan(4);
  expect([counters.retries, queue.size]).toEqual([2, 0]);
  await queue[Symbol.asyncDispose]();
});

test('what the receiver refuses is not tried again; what is too old is given up', async () => {
  await using receiver = await receiveHooks();
  const { queue, counters } = open(receiver, { retryForMs: 0 });
  receiver.answer = ({ body }, response) => void response.writeHead(body.id === 'refused' ? 410 : 503).end();
  queue.push(notification('refused'));
  queue.push(notification('failing'));
  await expect.poll(() => counters.expired, waited).toBe(1);
  expect([counters.refused, receiver.calls.length]).toEqual([1, 2]);
  await queue[Symbol.asyncDispose]();
});

test('over the bound the oldest that waits is dropped, and counted', async () => {
  await using receiver = await receiveHooks();
  const { queue, counters } = open(receiver, { queuedMax: 2 });
  const gate = Promise.withResolvers<void>();
  receiver.answer = () => gate.promise;
  for (const id of ['one', 'two', 'three', 'four']) queue.push(notification(id));
  expect(counters.dropped).toBe(1);
  gate.resolve();
  await expect.poll(() => counters.delivered, waited).toBe(3);
  expect(ids(receiver)).toEqual(['one', 'three', 'four']);
  await queue[Symbol.asyncDispose]();
});

test('the breaker opens on failures, keeps calls back, and closes when the receiver is well', async () => {
  await using receiver = await receiveHooks();
  const { endpoint, metrics } = open(receiver);
  const state = async (): Promise<string | undefined> =>
    /^gala_breaker_state\{[^}]*\} (\S+)$/m.exec(await metrics.text())?.[1];
  receiver.answer = (_, response) => void response.writeHead(500).end();
  for (let call = 0; call < 5; call++) await endpoint.post('{}').catch(() => undefined);
  expect(await state()).toBe('2');
  await expect(endpoint.post('{}')).rejects.toMatchObject({ code: 'BREAKER_OPEN' });
  expect(receiver.calls).toHaveLength(5);
  receiver.answer = () => undefined;
  await expect.poll(() => endpoint.post('{}').catch(() => undefined), waited).toMatchObject({ status: 204 });
  expect(await state()).toBe('0');
  expect(await metrics.text()).not.toContain('of-the-receiver');
});

test('a denial is no failure; redirects, endless answers and silence are', async () => {
  await using receiver = await receiveHooks();
  const { endpoint } = open(receiver);
  receiver.answer = (_, response) => void response.writeHead(403).end(` no\n${'x'.repeat(1000)}`);
  const denied = await endpoint.post('{}');
  expect(denied.status).toBe(403);
  expect(denied.message).toMatch(/^no x+$/);
  expect(denied.message).toHaveLength(200);
  receiver.answer = (_, response) => void response.writeHead(307, { Location: receiver.url }).end();
  await expect(endpoint.post('{}')).rejects.toMatchObject({ code: 'HOOK_FAILED', detail: 'status 307' });
  receiver.answer = (_, response) => void response.writeHead(200).end(Buffer.alloc(65_537));
  await expect(endpoint.post('{}')).rejects.toMatchObject({ detail: 'answer too long' });
  receiver.answer = () => new Promise(() => undefined);
  await expect(endpoint.post('{}')).rejects.toMatchObject({ name: 'TimeoutError' });
});

test('what cannot be told in time when the edge closes is dropped, and counted', async () => {
  await using receiver = await receiveHooks();
  const { queue, counters } = open(receiver);
  receiver.answer = () => new Promise(() => undefined);
  queue.push(notification('one'));
  queue.push(notification('two'));
  await queue[Symbol.asyncDispose]();
  expect([counters.delivered, counters.dropped, queue.size]).toEqual([0, 2, 0]);
});
