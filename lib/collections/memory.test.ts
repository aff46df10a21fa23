import { expect, test } from 'vitest';
import { ManualClock } from '../clock/index.ts';
import { collectionsContract, configOf } from './contract.ts';
import { LargestKeys } from './largest-keys.ts';
import { MemoryEngine } from './memory-engine.ts';
import { twemproxyConfig } from './twemproxy-config.ts';
import { WriteLimit } from './write-limit.ts';

collectionsContract('memory', async () => ({
  config: { engine: 'memory' },
  [Symbol.asyncDispose]: async () => {},
}));

const openEngine = (bounds: { bytesMax: number; entriesMax: number }) => {
  const clock = new ManualClock();
  const counters = { evictions: 0, expirations: 0 };
  return { clock, counters, engine: new MemoryEngine({ bounds, counters, clock }) };
};

test('memory holds a bounded number of keys: the one that was not used for longest goes first', async () => {
  const { engine, counters } = openEngine({ bytesMax: 1e9, entriesMax: 100 });
  for (let index = 0; index < 100; index++) await engine.run('SET', [`k${index}`, 'x']);
  await engine.run('GET', ['k0']);
  await engine.run('SET', ['one more', 'x']);
  expect(await engine.run('MGET', ['k0', 'k1', 'k2'])).toEqual([Buffer.from('x'), null, Buffer.from('x')]);
  expect([engine.store.size, counters.evictions]).toEqual([100, 1]);
});

test('memory holds a bounded number of bytes, of all kinds, and gives them back', async () => {
  const { engine, counters } = openEngine({ bytesMax: 1_000_000, entriesMax: 1e6 });
  for (let index = 0; index < 500; index++) {
    await engine.run('HSET', [`h${index}`, 'field', Buffer.alloc(10_000)]);
    await engine.run('RPUSH', [`l${index}`, Buffer.alloc(10_000)]);
    await engine.run('ZADD', [`z${index}`, 1, 'm'.repeat(500)]);
    await engine.run('SADD', [`s${index}`, 'm'.repeat(500)]);
    expect(engine.store.bytes).toBeLessThanOrEqual(1_000_000);
  }
  expect(counters.evictions).toBeGreaterThan(1000);
  for (let index = 0; index < 500; index++) {
    await engine.run('HDEL', [`h${index}`, 'field']);
    await engine.run('DEL', [`l${index}`]);
    await engine.run('ZREM', [`z${index}`, 'm'.repeat(500)]);
    await engine.run('SREM', [`s${index}`, 'm'.repeat(500)]);
  }
  expect([engine.store.size, engine.store.bytes]).toEqual([0, 0]);
});

test('expired keys go as others are written, without a timer', async () => {
  const { engine, counters, clock } = openEngine({ bytesMax: 1e9, entriesMax: 1e6 });
  for (let index = 0; index < 200; index++) await engine.run('SET', [`k${index}`, 'x', 'PX', 1000]);
  clock.advance(1001);
  for (let index = 0; index < 300; index++) await engine.run('SET', ['other', 'x']);
  expect([engine.store.size, counters.expirations, counters.evictions]).toEqual([1, 200, 0]);
});

test('a write limit refills with time, and remembers a bounded number of keys', () => {
  const clock = new ManualClock();
  const limit = new WriteLimit({ perSecond: 10, keysMax: 3, clock });
  for (let index = 0; index < 10; index++) expect(limit.take('hot')).toBe(0);
  expect(limit.take('hot')).toBeCloseTo(0.1);
  clock.advance(100);
  expect([limit.take('hot'), limit.take('hot') > 0]).toEqual([0, true]);
  for (const key of ['a', 'b', 'c']) limit.take(key);
  expect(limit.size).toBe(3);
});

test('the report of the largest keys is bounded and follows the last size', () => {
  const largest = new LargestKeys();
  for (let index = 0; index < 1000; index++) largest.note(`k${index}`, 'rank', index);
  expect(largest.list()).toHaveLength(32);
  expect(largest.list()[0]).toEqual({ key: 'k999', kind: 'rank', size: 999 });
  largest.note('k999', 'rank', 1);
  expect(largest.list()[0].key).toBe('k998');
  largest.forget('k998');
  expect(largest.list()[0].key).toBe('k997');
});

test('settings that an engine needs are asked for', () => {
  expect(() => configOf({ engine: 'redis' })).toThrow('redis needs address');
  expect(() => configOf({ engine: 'sentinel', sentinels: ['a:1'] })).toThrow('one of masters');
  expect(() => configOf({ engine: 'twemproxy' })).toThrow('twemproxy needs proxies');
  expect(() => configOf({ engine: 'twemproxy', proxies: ['a:1'] })).toThrow('for messages');
  expect(() => configOf({ engine: 'redis', address: 'a' })).toThrow('host:port');
  expect(configOf({ engine: 'redis', address: '[::1]:6379' }).address).toBe('[::1]:6379');
});

test('a proxy hashes by the name of a shard, and its password is YAML text', () => {
  const shards = [{ name: 'shard-a', host: '10.0.0.1', port: 6379 }];
  const text = twemproxyConfig({ listen: '0.0.0.0:22121', shards, password: 'a"b: {', timeoutMs: 300 });
  expect(text).toContain('   - 10.0.0.1:6379:1 shard-a\n');
  expect(text).toContain('redis_auth: "a\\"b: {"');
  expect(text).toContain('auto_eject_hosts: false');
});
