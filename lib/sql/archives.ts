import { sql, type Kysely } from 'kysely';
import { Client } from 'pg';
import { CodedError, hasCode } from '../error/index.ts';
import type { Logger } from '../logger/index.ts';
import type { DatabaseUrls } from './databases.ts';
import { sqlErrors } from './errors.ts';
import { migrate, type MigrationSet } from './migrate.ts';
import { toSqlError } from './pool.ts';

/** Its place among the archives, so that URLs cannot be swapped. */
const archiveMigrations: MigrationSet = {
  name: 'sql',
  kind: 'archive',
  migrations: {
    '0001_archive_database': {
      up: async (db: Kysely<unknown>) => {
        await sql`create table archive_database (id boolean primary key default true check (id), place int not null)`.execute(
          db,
        );
      },
    },
  },
};

/** How many archives the installation has had; what lies in one that is left out would be missing. */
const countKey = 'sql/archives';
const connectWithinMs = 3000;

export interface PrepareArchivesOptions {
  readonly urls: DatabaseUrls;
  readonly sets: readonly MigrationSet[];
  readonly logger: Logger;
}

/**
 * Brings the archives to the newest schema; those that cannot be reached are left for another call. Answers whether
 * all are ready. Run by the supervisor only, after `prepareDatabases`. Errors: those of `migrate`, WRONG_ARCHIVE when
 * the settings name fewer than before or in another order, DATABASE_UNAVAILABLE of the core database.
 */
export async function prepareArchives({ urls, sets, logger }: PrepareArchivesOptions): Promise<boolean> {
  await withClient(urls.core, (client) => keepCount(client, urls.archives.length));
  const all = [archiveMigrations, ...sets];
  const prepare = async (url: string, place: number): Promise<boolean> => {
    try {
      // A node that is down costs a connection here, and no pool of the migration.
      await withClient(url, (client) => client.query('select 1'));
      await migrate({ url, kind: 'archive', sets: all, logger });
      await withClient(url, (client) => claim(client, place));
      return true;
    } catch (error) {
      if (!hasCode(error, 'DATABASE_UNAVAILABLE')) throw error;
      logger.warn({ archive: place, error }, 'an archive cannot be reached');
      return false;
    }
  };
  return (await Promise.all(urls.archives.map(prepare))).every(Boolean);
}

async function keepCount(client: Client, count: number): Promise<void> {
  const { rows } = await client.query<{ value: { count: number } }>(
    `insert into coord_record as known (key, version, value) values ($1, 1, $2)
     on conflict (key) do update set version = known.version + 1,
       value = json_build_object('count', greatest((known.value->>'count')::int, $3::int))
     returning value`,
    [countKey, JSON.stringify({ count }), count],
  );
  const known = rows[0].value.count;
  if (known <= count) return;
  const detail = `the settings name ${count}, there are ${known}`;
  throw new CodedError(sqlErrors, 'WRONG_ARCHIVE', { detail });
}

async function claim(client: Client, place: number): Promise<void> {
  const { rows } = await client.query<{ place: number }>(
    `insert into archive_database as claimed (place) values ($1)
     on conflict (id) do update set place = claimed.place returning place`,
    [place],
  );
  if (rows[0].place === place) return;
  const detail = `archive ${place} of the settings is archive ${rows[0].place} of the installation`;
  throw new CodedError(sqlErrors, 'WRONG_ARCHIVE', { detail });
}

async function withClient<Result>(url: string, work: (client: Client) => Promise<Result>): Promise<Result> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: connectWithinMs });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    throw toSqlError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}
