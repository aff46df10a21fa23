import { Caches } from '@gala/lib/cache';
import { systemClock } from '@gala/lib/clock';
import { listen } from '@gala/lib/http';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { expect, test, vi } from 'vitest';
import { serveHotKeys, shownKey } from './hot-keys.ts';

test('a process tells what is read very often, and no key that may be a secret', async () => {
  const [logger, metrics] = [createLogger({ name: 'test', level: 'error' }), createMetrics('test')];
  await using listener = await listen({
    name: 'admin',
    host: '127.0.0.1',
    port: 0,
    portSetting: '',
    logger,
    metrics,
  });
  await using caches = new Caches({ processId: 'test', clock: systemClock, metrics });
  const hot = { readsPerSecond: 100, pin: true, copies: 1, loadsPerSecondMax: 0 };
  const load = async (keys: readonly string[]) => keys.map((key) => ({ value: key, version: 1 }));
  const cache = caches.open<string>({ name: 'rooms', load, bounds: { hot } });
  serveHotKeys(listener, caches);
  const shown = async (): Promise<unknown> => {
    for (let read = 0; read < 400; read++) for (const key of ['42', 'live_secret']) await cache.get(key);
    await cache.get('7');
    return (await fetch(`http://127.0.0.1:${listener.port}/hot-keys`)).json();
  };
  const entry = (key: string) => ({
    cache: 'rooms',
    key,
    readsPerSecond: expect.any(Number),
    hotMs: expect.any(Number),
  });
  await vi.waitFor(
    async () => {
      const { keys } = (await shown()) as { keys: unknown[] };
      expect(keys).toHaveLength(2);
      expect(keys).toEqual(expect.arrayContaining([entry('42'), entry(shownKey('live_secret'))]));
    },
    { timeout: 10_000, interval: 20 },
  );
});

test('only what is made of ids is shown as it is', () => {
  for (const key of ['42', '9007199254740991', '42:7']) expect(shownKey(key)).toBe(key);
  for (const key of ['live_42', '', 'ab12', '1'.repeat(21), '1:2:3:4:5', '4 2']) {
    expect(shownKey(key)).toMatch(/^#[0-9a-f]{12}$/);
  }
});
