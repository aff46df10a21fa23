import { expect, test } from 'vitest';
import { cacheSection } from './config.ts';

const cluster = { name: 'a', nodes: ['10.0.0.1:11211', 'cache-2.internal:11211', '[::1]:11211'] };
const parse = (settings: object) => cacheSection.schema.safeParse(settings).success;

test('no cluster is needed, and several have different names', () => {
  expect(cacheSection.schema.parse({})).toMatchObject({ clusters: [] });
  expect(parse({ shared: 'memcached' })).toBe(false);
  expect(parse({ zone: 'z1', clusters: [cluster, { ...cluster, name: 'b', zone: 'z2' }] })).toBe(true);
  expect(parse({ clusters: [cluster, cluster] })).toBe(false);
});

test.each([['host'], ['host:'], ['ho st:1'], ['host:1\r\n'], ['host:123456'], ['::1:11211']])(
  '%j is no node',
  (node) => {
    expect(parse({ clusters: [{ name: 'a', nodes: [node] }] })).toBe(false);
  },
);

test('a cluster has nodes, each once', () => {
  expect(parse({ clusters: [{ name: 'a', nodes: [] }] })).toBe(false);
  expect(parse({ clusters: [{ name: 'a', nodes: ['x:1', 'x:1'] }] })).toBe(false);
});
