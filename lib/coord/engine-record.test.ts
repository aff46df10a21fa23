import { expect, test } from 'vitest';
import { loadSettings } from '../config/index.ts';
import { startTestPostgres } from '../sql/testing/index.ts';
import { coordSection } from './config.ts';
import { assertCoordEngine, declareCoordEngine } from './engine-record.ts';

const configOf = (env: Record<string, string>) => loadSettings([coordSection], { env }).get(coordSection);

test('a process on another engine than its installation is refused, until that has changed', async () => {
  await using postgres = await startTestPostgres();
  const { pool } = postgres.sql.core();
  const { core } = postgres.urls;
  const embedded = configOf({});
  const etcd = configOf({ GALA_COORD_ENGINE: 'etcd', GALA_COORD_ENDPOINTS: 'http://etcd-1:2379' });
  await assertCoordEngine(pool, etcd);
  expect(await declareCoordEngine(core, embedded)).toBeUndefined();
  await assertCoordEngine(pool, embedded);
  await expect(assertCoordEngine(pool, etcd)).rejects.toMatchObject({ code: 'COORD_ENGINE_DIFFERS' });
  expect(await declareCoordEngine(core, etcd)).toBe('postgres');
  expect(await declareCoordEngine(core, etcd)).toBeUndefined();
  await assertCoordEngine(pool, etcd);
  await expect(assertCoordEngine(pool, embedded)).rejects.toMatchObject({ code: 'COORD_ENGINE_DIFFERS' });
});

test.each([
  ['etcd without endpoints', { GALA_COORD_ENGINE: 'etcd' }],
  ['an address with TLS', { GALA_COORD_ENDPOINTS: 'https://10.0.0.1:2379' }],
  ['http beside https', { GALA_COORD_ENDPOINTS: 'http://etcd-1:2379,https://etcd-2:2379' }],
  ['a user without a password', { GALA_COORD_USER: 'gala' }],
  ['a prefix without its end', { GALA_COORD_PREFIX: 'gala' }],
])('%s is refused', (_, env) => {
  expect(() => configOf(env)).toThrow(/coord/);
});
