import { Kysely, PostgresDialect } from 'kysely';
import { Migrator, type Migration, type MigrationResultSet } from 'kysely/migration';
import { Pool, type Client, type PoolClient } from 'pg';
import { CodedError } from '../error/index.ts';
import type { Logger } from '../logger/index.ts';
import { sqlErrors } from './errors.ts';

export type DatabaseKind = 'core' | 'shard' | 'archive';

/**
 * The migrations of one owner (a service or a folder of lib), in the order of their names
 * (`0001_rooms`). Every set is tracked in its own table `migration_<name>`.
 *
 * Expand, then contract: a migration only adds (tables, nullable or defaulted columns, indexes), since
 * code N-1 keeps running on schema N while processes are replaced; what is no longer used is dropped in a
 * later version, by then unknown to all running code. Migrations that are out are never edited.
 */
export interface MigrationSet {
  readonly name: string;
  readonly kind: DatabaseKind;
  readonly migrations: Readonly<Record<string, Migration>>;
}

export interface MigrateOptions {
  readonly url: string;
  readonly kind: DatabaseKind;
  readonly sets: readonly MigrationSet[];
  readonly logger: Logger;
}

/** Raised when code N-1 can no longer work on the schema, which expand and contract avoid. */
export const schemaFormat = 1;

/** One number for all of Gala's migrations: whoever comes second waits for the first. */
const migrationLock = 0x67_61_6c_61;
const lockWithin = '60s';

/**
 * Brings one database to the newest schema, one migrating process at a time. A set in which a newer Gala
 * has already run more is left as it is. Errors: MIGRATION_FAILED, DATA_NEWER, DATABASE_UNAVAILABLE.
 */
export async function migrate({ url, kind, sets, logger }: MigrateOptions): Promise<void> {
  const pool = new Pool({
    connectionString: url,
    max: 2,
    connectionTimeoutMillis: 5000,
    application_name: 'gala migrate',
  });
  pool.on('error', (error) => logger.warn({ error }, 'connection lost while migrating'));
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  let lock: PoolClient | undefined;
  try {
    lock = await pool.connect();
    await lock.query(`set lock_timeout = '${lockWithin}'`);
    await lock.query('select pg_advisory_lock($1)', [migrationLock]);
    await stampSchema(lock);
    for (const set of sets.filter((each) => each.kind === kind)) await runSet(db, set, logger);
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    throw new CodedError(sqlErrors, 'DATABASE_UNAVAILABLE', { cause, detail: (cause as Error).message });
  } finally {
    // Closing the session gives the lock back, whatever happened in it.
    lock?.release(true);
    await db.destroy();
  }
}

async function stampSchema(client: Client): Promise<void> {
  await client.query(
    'create table if not exists schema_format (id boolean primary key default true check (id), format int not null)',
  );
  const text = 'insert into schema_format(format) values ($1) on conflict (id) do nothing';
  await client.query(text, [schemaFormat]);
  const { rows } = await client.query<{ format: number }>('select format from schema_format');
  const format = rows[0]?.format ?? schemaFormat;
  if (format <= schemaFormat) return;
  const detail = `the schema has format ${format}, this Gala knows ${schemaFormat}`;
  throw new CodedError(sqlErrors, 'DATA_NEWER', { detail });
}

async function runSet(db: Kysely<unknown>, set: MigrationSet, logger: Logger): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => set.migrations },
    migrationTableName: `migration_${set.name}`,
    migrationLockTableName: `migration_${set.name}_lock`,
  });
  if (await isAhead(db, set)) {
    logger.warn({ set: set.name }, 'the schema is newer than this version');
    return;
  }
  report(set, await migrator.migrateToLatest(), logger);
}

/** True when the database has migrations after the last one that this code knows. */
async function isAhead(db: Kysely<unknown>, set: MigrationSet): Promise<boolean> {
  const table = `migration_${set.name}`;
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === table)) return false;
  const rows = await (db as Kysely<Record<string, { name: string }>>)
    .selectFrom(table)
    .select('name')
    .execute();
  const newest = Object.keys(set.migrations).sort().at(-1) ?? '';
  return rows.some(({ name }) => name > newest);
}

function report(set: MigrationSet, { error, results }: MigrationResultSet, logger: Logger): void {
  for (const { migrationName, status } of results ?? []) {
    logger.info({ set: set.name, migration: migrationName, status }, 'migration');
  }
  if (!error) return;
  const failed = results?.find(({ status }) => status === 'Error')?.migrationName ?? '';
  const detail = `${set.name} ${failed}: ${(error as Error).message}`;
  throw new CodedError(sqlErrors, 'MIGRATION_FAILED', { cause: error, detail });
}
