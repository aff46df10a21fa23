import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { prepareArchives } from './archives.ts';
import { databaseUrls, ensureDatabases } from './databases.ts';
import type { MigrationSet } from './migrate.ts';
import { startTestPostgres, type TestPostgres } from './testing/index.ts';

const notes: MigrationSet = {
  name: 'notes',
  kind: 'archive',
  migrations: {
    '0001_notes': {
      up: async (db: Kysely<unknown>) => void (await sql`create table note (text text not null)`.execute(db)),
    },
  },
};
const sets = [notes];
let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres({ sets, archives: ['gala_archive0', 'gala_archive1'] });
}, 60_000);
afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

const urlsOf = (archives: readonly string[]) =>
  databaseUrls((database) => postgres.server.url(database), archives);
const prepare = (archives: readonly string[]) =>
  prepareArchives({ urls: urlsOf(archives), sets, logger: postgres.logger });

test('archives come oldest first, with the tables that are meant for them', async () => {
  const archives = postgres.sql.archives();
  expect(archives.map(({ name }) => name)).toEqual(['a0', 'a1']);
  for (const [place, { pool }] of archives.entries()) {
    expect((await pool.query('select place from archive_database')).rows).toEqual([{ place }]);
    expect((await pool.query('select * from note')).rows).toEqual([]);
  }
  await expect(postgres.sql.shards()[0].pool.query('select * from note')).rejects.toMatchObject({
    code: '42P01',
  });
});

test('an archive is added behind the others; none may leave or change its place', async () => {
  const added = ['gala_archive0', 'gala_archive1', 'gala_archive2'];
  await ensureDatabases(postgres.server.url('postgres'), ['gala_archive2']);
  expect(await prepare(added)).toBe(true);
  expect(await prepare(added)).toBe(true);
  const wider = await postgres.openSql('wider', urlsOf(added));
  expect(wider.archives().map(({ name }) => name)).toEqual(['a0', 'a1', 'a2']);
  await expect(prepare(added.slice(0, 2))).rejects.toMatchObject({ code: 'WRONG_ARCHIVE' });
  await expect(prepare(added.toReversed())).rejects.toMatchObject({ code: 'WRONG_ARCHIVE' });
});

test('an archive that is down is left for later, and the others are ready', async () => {
  const away = 'postgres://gala@127.0.0.1:1/gala_archive3';
  expect(await prepare(['gala_archive0', 'gala_archive1', 'gala_archive2', away])).toBe(false);
});
