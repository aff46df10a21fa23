import { join } from 'node:path';
import { cacheSection } from '@gala/lib/cache';
import { collectionsSection } from '@gala/lib/collections';
import { loadSettings } from '@gala/lib/config';
import { coordSection } from '@gala/lib/coord';
import { eventlogSection } from '@gala/lib/eventlog';
import { expect, test } from 'vitest';
import { engineProbes } from './engines.ts';
import { root } from './paths.ts';
import { sections } from './settings.ts';

const file = join(root, 'deploy/fleet.yaml');

test('the sample of a fleet loads, chooses an engine of each kind, and all of them are asked for', () => {
  const settings = loadSettings(sections, { file, env: {} });
  expect(settings.get(coordSection).engine).toBe('etcd');
  expect(settings.get(collectionsSection).engine).toBe('twemproxy');
  expect(settings.get(cacheSection).clusters).toHaveLength(2);
  expect(settings.get(eventlogSection).engine).toBe('kafka');
  const asked = Object.groupBy(engineProbes(settings), ({ engine }) => engine);
  const counts = Object.entries(asked).map(([engine, probes]) => [engine, probes?.length]);
  expect(Object.fromEntries(counts)).toEqual({ etcd: 3, sentinel: 3, twemproxy: 2, memcached: 4, kafka: 3 });
});

test('the embedded default has no engine to ask', () => {
  expect(engineProbes(loadSettings(sections, { env: {} }))).toEqual([]);
});
