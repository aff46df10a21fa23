import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PoolClient } from 'pg';
import { startTestPostgres, type TestPostgres } from './testing/index.ts';

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

test('a transaction runs on the database that owns the shard', async () => {
  const databaseOf = async (client: PoolClient): Promise<string> => {
    const { rows } = await client.query<{ name: string }>('select current_database() as name');
    return rows[0].name;
  };
  expect(await postgres.sql.tx(0, databaseOf)).toBe('gala_s0');
  expect(await postgres.sql.tx(511, databaseOf)).toBe('gala_s0');
  expect(await postgres.sql.tx(512, databaseOf)).toBe('gala_s1');
  expect(await postgres.sql.tx(1023, databaseOf)).toBe('gala_s1');
});
