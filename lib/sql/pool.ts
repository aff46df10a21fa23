import { Kysely, PostgresDialect } from 'kysely';
import {
  Client,
  Pool,
  types,
  type ClientConfig,
  type CustomTypesConfig,
  type PoolClient,
  type QueryConfig,
} from 'pg';
import { CodedError } from '../error/index.ts';
import { sqlErrors, type SqlErrorCode } from './errors.ts';
import type { Database } from './types.ts';

export interface DatabaseOptions {
  readonly name: string;
  readonly url: string;
  readonly connectionsMax: number;
  /** `application_name`, so that pg_stat_activity tells whose session it is. */
  readonly processName: string;
  readonly statementTimeoutMs: number;
  /** Told of every failure that is about the database and not about the statement. */
  onFailure(code: SqlErrorCode): void;
}

const connectWithinMs = 2000;
const silentServerMs = 2000;
const waitersMax = 1000;
const idleConnectionMs = 60_000;

const int8Array = 1016;

/** One pool over one database. Its errors are coded and none of them ends the process. */
export function openDatabase(options: DatabaseOptions): Database & AsyncDisposable {
  const pool = new CodedPool(options);
  const kysely = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  return {
    name: options.name,
    pool,
    kysely,
    openClient: (timeoutMs) => openClient(clientLimits(options, timeoutMs)),
    openReplication: () =>
      openClient({ ...clientConfig(options, 0), query_timeout: 0, replication: 'database' }),
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

/** What a failed statement or connection means to a caller; errors of the statement itself stay as they are. */
export function toSqlError(error: unknown): Error {
  if (error instanceof CodedError || !(error instanceof Error)) return error as Error;
  const code = codeOf(error);
  return code ? new CodedError(sqlErrors, code, { cause: error, detail: error.message }) : error;
}

const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
]);

/** What `pg` says without a code when the connection, and not the statement, is the problem. */
const connectionMessages =
  /^Connection terminated|not queryable|^Query read timeout|^timeout expired|end\(\)/;

function codeOf(error: Error & { code?: string }): SqlErrorCode | undefined {
  const code = error.code ?? '';
  if (code === '57014') return 'STATEMENT_TIMEOUT';
  // Class 08: connection exceptions; 57P01-57P05: the server goes down or comes up; 53300: no slot left.
  if (networkCodes.has(code) || /^08...$|^57P0.$|^53300$/.test(code)) return 'DATABASE_UNAVAILABLE';
  if (code) return undefined;
  if (error.message.startsWith('timeout exceeded when trying to connect')) return 'DATABASE_BUSY';
  return connectionMessages.test(error.message) ? 'DATABASE_UNAVAILABLE' : undefined;
}

/** `timeoutMs` ends a statement on the server; a server that is itself stuck is given up `graceMs` later. */
function clientConfig(options: DatabaseOptions, timeoutMs: number, graceMs = silentServerMs): ClientConfig {
  return {
    connectionString: options.url,
    application_name: options.processName,
    connectionTimeoutMillis: connectWithinMs,
    statement_timeout: timeoutMs,
    query_timeout: timeoutMs + graceMs,
    keepAlive: true,
    types: numberTypes,
  };
}

/** Ids are 53 bits (overview.md), so int8 is a number here; what is no safe integer is refused, never rounded. */
const numberTypes: CustomTypesConfig = {
  getTypeParser: ((oid: typeof types.builtins.INT8, format?: 'text') => {
    if (format === undefined || format === 'text') {
      if (oid === types.builtins.INT8) return safeInteger;
      if ((oid as number) === int8Array) return safeIntegers;
    }
    return types.getTypeParser(oid, format);
  }) as typeof types.getTypeParser,
};

function safeIntegers(text: string): (number | null)[] {
  const elements = text.slice(1, -1).split(',').filter(Boolean);
  return elements.map((element) => (element === 'NULL' ? null : safeInteger(element)));
}

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`int8 ${text} is no safe integer`);
  return value;
}

/** A caller that sets its own limit wants it kept closely, so a silent server gets a quarter more. */
function clientLimits(options: DatabaseOptions, timeoutMs?: number): ClientConfig {
  if (timeoutMs) return clientConfig(options, timeoutMs, timeoutMs / 4);
  return clientConfig(options, options.statementTimeoutMs);
}

/** `pg` knows `replication` and does not declare it. */
async function openClient(config: ClientConfig & { readonly replication?: 'database' }): Promise<Client> {
  const client = new CodedClient(config);
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw toSqlError(error);
  }
}

/** The loosest form of pg's overloaded `query`. */
type Query = (text: string | QueryConfig, values?: unknown[]) => Promise<unknown>;

/** Maps failures at the one place that pools, Kysely and transactions all pass. */
class CodedClient extends Client {
  override query: Client['query'] = ((...args: Parameters<Query>) => {
    const result = (super.query as Query).apply(this, args);
    return typeof result?.catch === 'function' ? result.catch((error: unknown) => this.#fail(error)) : result;
  }) as Client['query'];

  /** Later statements would wait behind the one that got no answer, so the connection ends with it. */
  #fail(error: unknown): never {
    if (error instanceof Error && error.message === 'Query read timeout') this.end(() => undefined);
    throw toSqlError(error);
  }
}

class CodedPool extends Pool {
  readonly #options: DatabaseOptions;

  constructor(options: DatabaseOptions) {
    super({
      ...clientConfig(options, options.statementTimeoutMs),
      max: options.connectionsMax,
      idleTimeoutMillis: idleConnectionMs,
      allowExitOnIdle: true,
      Client: CodedClient,
    });
    this.#options = options;
    this.on('error', () => options.onFailure('DATABASE_UNAVAILABLE'));
    this.on('connect', (client) => client.on('error', () => undefined));
  }

  override connect: Pool['connect'] = (async () => {
    try {
      if (this.waitingCount >= waitersMax) {
        throw new CodedError(sqlErrors, 'DATABASE_BUSY', { detail: `${waitersMax} wait already` });
      }
      return await super.connect();
    } catch (error) {
      throw this.#note(error);
    }
  }) as Pool['connect'];

  /** Unlike pg's own, an error of the statement does not cost the connection. */
  override query: Pool['query'] = (async (...args: Parameters<Query>) => {
    const client: PoolClient = await this.connect();
    try {
      return await (client.query as Query)(...args);
    } catch (error) {
      throw this.#note(error);
    } finally {
      client.release();
    }
  }) as Pool['query'];

  #note(error: unknown): Error {
    const mapped = toSqlError(error);
    if (mapped instanceof CodedError) this.#options.onFailure(mapped.code as SqlErrorCode);
    return mapped;
  }
}
