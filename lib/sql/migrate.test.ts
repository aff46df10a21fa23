import { sql, type Kysely } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assertConnections } from './databases.ts';
import { migrate, type MigrationSet } from './migrate.ts';
import { startTestPostgres, type TestPostgres } from './testing/index.ts';

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres();
}, 60_000);
afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

function setOf(name: string, statements: Record<string, string>): MigrationSet {
  const migrations = Object.entries(statements).map(([key, text]) => {
    const up = async (db: Kysely<unknown>): Promise<void> => void (await sql.raw(text).execute(db));
    return [key, { up }] as const;
  });
  return { name, kind: 'core', migrations: Object.fromEntries(migrations) };
}

async function run(...sets: MigrationSet[]): Promise<void> {
  await migrate({ url: postgres.urls.core, kind: 'core', sets, logger: postgres.logger });
}

async function rows(text: string): Promise<unknown[]> {
  return (await postgres.sql.core().pool.query(text)).rows;
}

test('of many that migrate at once each migration runs once', async () => {
  const set = setOf('race', {
    '0001_table': 'create table race (id int)',
    '0002_row': 'insert into race values (1)',
  });
  await Promise.all(Array.from({ length: 5 }, () => run(set)));
  expect(await rows('select id from race')).toEqual([{ id: 1 }]);
});

test('sets are tracked apart and of their kind only', async () => {
  const shard: MigrationSet = {
    ...setOf('elsewhere', { '0001_no': 'create table elsewhere ()' }),
    kind: 'shard',
  };
  await run(setOf('left', { '0001_same': 'create table left_side ()' }), shard);
  await run(setOf('right', { '0001_same': 'create table right_side ()' }));
  const found = await rows(
    `select relname from pg_class where relname in ('left_side', 'right_side', 'elsewhere') order by 1`,
  );
  expect(found).toEqual([{ relname: 'left_side' }, { relname: 'right_side' }]);
});

test('a migration that fails leaves nothing behind and says which it was', async () => {
  const broken = setOf('broken', {
    '0001_ok': 'create table half ()',
    '0002_bad': 'create table nonsense (id nonsense)',
  });
  await expect(run(broken)).rejects.toMatchObject({
    code: 'MIGRATION_FAILED',
    detail: expect.stringMatching(/^broken 0002_bad: /) as string,
  });
  expect(await rows(`select 1 from pg_class where relname = 'half'`)).toEqual([]);
});

test('code N-1 lives with schema N, and refuses a schema format it does not know', async () => {
  const old = setOf('ahead', { '0001_first': 'create table ahead (id int)' });
  await run(
    setOf('ahead', {
      '0001_first': 'create table ahead (id int)',
      '0002_wider': 'alter table ahead add note text',
    }),
  );
  await run(old);
  expect(await rows('select id, note from ahead')).toEqual([]);
  await rows('update schema_format set format = 2');
  await expect(run(old)).rejects.toMatchObject({ code: 'DATA_NEWER' });
  await rows('update schema_format set format = 1');
});

test('a server that is not there is unavailable', async () => {
  const url = 'postgres://gala:x@127.0.0.1:1/gala_core';
  const migrating = migrate({ url, kind: 'core', sets: [], logger: postgres.logger });
  await expect(migrating).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
});

test('more connections than the server has are refused before anything starts', async () => {
  await assertConnections(postgres.urls.core, 97);
  const tooMany = assertConnections(postgres.urls.core, 98);
  await expect(tooMany).rejects.toMatchObject({ code: 'BUDGET_TOO_LARGE' });
});
