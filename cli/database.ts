import {
  assertConnections,
  embeddedUrl,
  databaseNames,
  databaseUrls,
  ensureDatabases,
  prepareArchives,
  prepareDatabases,
  startEmbedded,
  withDatabase,
  type DatabaseUrls,
  type EmbeddedPostgres,
} from '@gala/lib/sql';
import type { Settings } from '@gala/lib/config';
import { Backoff, Ticker } from '@gala/lib/lifecycle';
import type { Logger } from '@gala/lib/logger';
import { migrations } from './roles.ts';
import { databaseSection, readSettings } from './settings.ts';

/** Connections of the embedded server beside the processes': tools, migrations, replication. */
const spareConnections = 20;
const archivesRetryMs = 10_000;
const restartMs = { initialMs: 200, maxMs: 5_000 };

export interface DatabaseOptions {
  readonly settings: Settings;
  readonly dataFolder: string;
  /** What all processes together may open. */
  readonly connections: number;
  readonly logger: Logger;
}

interface OpenDatabases {
  readonly urls: DatabaseUrls;
  readonly embedded: EmbeddedPostgres | undefined;
  readonly archives: AsyncDisposable;
}

/** The databases of an installation: the embedded PostgreSQL, restarted when it dies, or a server of the operator's. */
export class DatabaseKeeper implements AsyncDisposable {
  readonly urls: DatabaseUrls;
  readonly #options: DatabaseOptions;
  #embedded: EmbeddedPostgres | undefined;
  readonly #closing = new AbortController();
  #restarting: Promise<void> | undefined;

  readonly #archives: AsyncDisposable;

  private constructor(options: DatabaseOptions, { urls, embedded, archives }: OpenDatabases) {
    this.#options = options;
    this.urls = urls;
    this.#embedded = embedded;
    this.#archives = archives;
    this.#watch();
  }

  /** Starts or reaches the database, makes what is missing and brings every schema up to date. */
  static async open(options: DatabaseOptions): Promise<DatabaseKeeper> {
    const external = externalUrl(options.settings);
    const embedded = external ? undefined : await startServer(options);
    const { archives } = options.settings.get(databaseSection);
    const urlOf = (name: string) => (external ? withDatabase(external, name) : embedded!.url(name));
    const urls = databaseUrls(urlOf, archives);
    try {
      const maintenance = external ?? embedded!.url('postgres');
      await ensureDatabases(maintenance, databaseNames(archives));
      await assertConnections(maintenance, options.connections);
      await prepareDatabases({ urls, sets: migrations, logger: options.logger });
      const ready = await openArchives(urls, options.logger);
      return new DatabaseKeeper(options, { urls, embedded, archives: ready });
    } catch (error) {
      await embedded?.stop();
      throw error;
    }
  }

  get state(): 'running' | 'restarting' | 'external' {
    if (this.#restarting) return 'restarting';
    return this.#embedded ? 'running' : 'external';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#archives[Symbol.asyncDispose]();
    await this.#restarting;
    await this.#embedded?.stop();
  }

  #watch(): void {
    this.#embedded?.onExit(() => {
      this.#options.logger.error('the database ended, starting it again');
      this.#restarting = this.#restart().finally(() => (this.#restarting = undefined));
    });
  }

  /** The port stays the same, so the pools of all processes find it again by themselves. */
  async #restart(): Promise<void> {
    const backoff = new Backoff(restartMs);
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        this.#embedded = await startServer(this.#options);
        this.#watch();
        return;
      } catch (error) {
        this.#options.logger.error({ error }, 'the database does not start');
        await backoff.wait(signal).catch(() => undefined);
      }
    }
  }
}

/** An archive that is down holds up nothing: it is made ready when it is there. */
async function openArchives(urls: DatabaseUrls, logger: Logger): Promise<AsyncDisposable> {
  const prepare = () => prepareArchives({ urls, sets: migrations, logger });
  let isReady = await prepare();
  const run = async (): Promise<void> => {
    if (!isReady) isReady = await prepare();
  };
  return new Ticker({ name: 'archives', intervalMs: archivesRetryMs, run, logger, unref: true });
}

function startServer({ dataFolder, connections, logger }: DatabaseOptions): Promise<EmbeddedPostgres> {
  return startEmbedded({ dataFolder, logger, connectionsMax: connections + spareConnections });
}

/** `DATABASE_URL` always wins over the embedded database. */
export function externalUrl(settings: Settings, env: NodeJS.ProcessEnv = process.env): string | undefined {
  return env.DATABASE_URL ?? settings.get(databaseSection).url;
}

/** Where the databases of an installation are that somebody else runs. Errors: POSTGRES_NOT_RUNNING. */
export async function findDatabases(dataFolder: string): Promise<DatabaseUrls> {
  const settings = readSettings();
  const url = externalUrl(settings) ?? (await embeddedUrl(dataFolder, 'postgres'));
  return databaseUrls((name) => withDatabase(url, name), settings.get(databaseSection).archives);
}
