import { Client, escapeIdentifier } from 'pg';
import { CodedError } from '../error/index.ts';
import { sqlErrors } from './errors.ts';

/** The databases of an installation: one for what is not sharded, one for each physical shard, and the archives. */
export interface DatabaseUrls {
  readonly core: string;
  readonly shards: readonly string[];
  /** Oldest first: only the last takes writes. */
  readonly archives: readonly string[];
}

/** Names of the databases that are made on the first start. */
export const coreDatabaseName = 'gala_core';
export const shardDatabaseNames: readonly string[] = ['gala_s0', 'gala_s1'];
export const archiveDatabaseNames: readonly string[] = ['gala_archive0'];

const duplicateDatabase = '42P04';

/**
 * The same databases on one server: `urlOf` gives the URL of a database by its name. An archive may also be named by
 * its own URL, on any server.
 */
export function databaseUrls(
  urlOf: (database: string) => string,
  archives: readonly string[] = archiveDatabaseNames,
): DatabaseUrls {
  return {
    core: urlOf(coreDatabaseName),
    shards: shardDatabaseNames.map(urlOf),
    archives: archives.map((archive) => (isUrl(archive) ? archive : urlOf(archive))),
  };
}

/** The databases that one server is to have: all but the archives that have URLs of their own. */
export function databaseNames(archives: readonly string[] = archiveDatabaseNames): string[] {
  return [coreDatabaseName, ...shardDatabaseNames, ...archives.filter((archive) => !isUrl(archive))];
}

function isUrl(archive: string): boolean {
  return archive.includes('://');
}

/** `url` with another database name; all else (host, user, sslmode) stays. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}

/** Creates the databases that are missing, through a connection to any database of the server. */
export async function ensureDatabases(adminUrl: string, names: readonly string[]): Promise<void> {
  await withAdmin(adminUrl, async (client) => {
    for (const name of names) await ensureDatabase(client, name);
  });
}

/**
 * Checks before anything starts that the server has room for `connections`: all processes' budgets, their
 * coordination, migration and tools. Errors: BUDGET_TOO_LARGE, DATABASE_UNAVAILABLE.
 */
export async function assertConnections(adminUrl: string, connections: number): Promise<void> {
  const free = await withAdmin(adminUrl, async (client) => {
    const { rows } = await client.query<{ free: number }>(
      `select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - current_setting('reserved_connections')::int as free`,
    );
    return rows[0].free;
  });
  if (connections <= free) return;
  const detail = `${connections} are configured, the server has ${free} (max_connections)`;
  throw new CodedError(sqlErrors, 'BUDGET_TOO_LARGE', { detail });
}

async function withAdmin<Result>(url: string, work: (client: Client) => Promise<Result>): Promise<Result> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } catch (cause) {
    if (cause instanceof CodedError) throw cause;
    throw new CodedError(sqlErrors, 'DATABASE_UNAVAILABLE', { detail: (cause as Error).message, cause });
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** `template0` alone allows an encoding other than the server's default. */
async function ensureDatabase(client: Client, name: string): Promise<void> {
  const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
  if (rowCount) return;
  const statement = `create database ${escapeIdentifier(name)} encoding 'UTF8' template template0`;
  await client.query(statement).catch((error: { code?: string }) => {
    if (error.code !== duplicateDatabase) throw error;
  });
}
