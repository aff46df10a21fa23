import { EventEmitter } from 'node:events';
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '../error/index.ts';
import type { Logger } from '../logger/index.ts';
import { serverAccount } from './account.ts';
import { prepareBinaries } from './binaries.ts';
import { adoptRunning, initialiseCluster, launchServer, type Server } from './cluster.ts';
import { sqlErrors } from './errors.ts';
import {
  findCluster,
  keepPassword,
  placeCluster,
  readPassword,
  readServerRecord,
  readText,
  stampDataFolder,
  writeServerRecord,
  type ServerRecord,
} from './location.ts';
import { isAlive, stopPostmaster, type Cluster } from './postmaster.ts';
import { ServerLog } from './server-log.ts';
import { serverSettings } from './server-settings.ts';

/** The superuser of the embedded cluster. */
export const embeddedUser = 'gala';

const watchEveryMs = 250;

export interface EmbeddedOptions {
  /** `data/` of the installation; made when absent. */
  readonly dataFolder: string;
  readonly logger: Logger;
  /** `max_connections` of the server. */
  readonly connectionsMax?: number;
  /** Only for tests: no fsync, so a crash of the machine loses data. */
  readonly volatile?: boolean;
}

export interface EmbeddedPostgres extends AsyncDisposable {
  readonly pid: number;
  /** The same after every restart, unless another program has taken it meanwhile. */
  readonly port: number;
  /** True when a server that outlived its parent was taken over instead of started. */
  readonly adopted: boolean;
  /** Connection URL with the password: never log it. */
  url(database: string): string;
  /** Called once when the server ends without `stop`; the supervisor then calls `startEmbedded` again. */
  onExit(listener: () => void): void;
  /** Fast shutdown; resolves when the process is gone. */
  stop(): Promise<void>;
}

/**
 * Starts the PostgreSQL of a data folder, or adopts the one that still runs on it with the same version
 * and settings. Only the supervisor calls this (operating.md); the server is no child in the sense that
 * it would end with us: after a SIGKILL of the caller it serves on and the next start adopts it.
 * Errors: POSTGRES_PLATFORM_UNSUPPORTED, POSTGRES_ACCOUNT_MISSING, POSTGRES_START_FAILED, DATA_IN_USE,
 * DATA_MISSING, DATA_NEWER, DATA_OLDER.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const dataFolder = path.resolve(options.dataFolder);
  const { logger } = options;
  await stampDataFolder(dataFolder);
  const existing = await findCluster(dataFolder);
  const account = await serverAccount(existing);
  const cacheFolders = [...(account ? ['/var/cache/gala'] : []), path.join(dataFolder, 'cache')];
  const binaries = await prepareBinaries({ account, cacheFolders, logger });
  const folder = existing ?? (await placeCluster(dataFolder, account, logger));
  const cluster: Cluster = { folder, binaries, account };
  const record = await readServerRecord(dataFolder);
  assertNoOtherOwner(record);
  if (record) await assertStillThere(folder);
  const password = await keepPassword(dataFolder);
  await initialiseCluster(cluster, { password, volatile: options.volatile ?? false });
  const log = await ServerLog.open(path.join(await realpath(dataFolder), 'postgres.log'), logger);
  try {
    const settings = serverSettings({
      connectionsMax: options.connectionsMax ?? 100,
      volatile: options.volatile ?? false,
    });
    const launch = { cluster, password, settings, log, logger, port: record?.port };
    const server = (await adoptRunning(launch)) ?? (await launchServer(launch));
    const running = new RunningPostgres({ dataFolder, cluster, server, password, log });
    await running.record(server.pid);
    logger.info({ port: server.port, serverPid: server.pid, adopted: server.adopted }, 'database ready');
    return running;
  } catch (error) {
    await log[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * The URL of the server that runs on a data folder, for processes that do not own it.
 * Errors: POSTGRES_NOT_RUNNING.
 */
export async function embeddedUrl(dataFolder: string, database: string): Promise<string> {
  const record = await readServerRecord(dataFolder);
  const password = await readPassword(dataFolder);
  if (!record?.pid || !password || !isAlive(record.pid)) {
    throw new CodedError(sqlErrors, 'POSTGRES_NOT_RUNNING', { detail: dataFolder });
  }
  return urlOf({ port: record.port, password, database });
}

/** A second supervisor would otherwise adopt the server of the first, and each would stop it for the other. */
function assertNoOtherOwner(record: ServerRecord | undefined): void {
  if (!record?.pid || record.owner === process.pid) return;
  if (isAlive(record.pid) && isAlive(record.owner)) {
    throw new CodedError(sqlErrors, 'DATA_IN_USE', { detail: `process ${record.owner}` });
  }
}

/** An empty database in the place of a lost one would look like a fresh installation, and hide the loss. */
async function assertStillThere(folder: string): Promise<void> {
  if ((await readText(path.join(folder, 'PG_VERSION'))) !== undefined) return;
  const detail = `${folder} (to begin anew, remove run/postgres.json of the data folder)`;
  throw new CodedError(sqlErrors, 'DATA_MISSING', { detail });
}

function urlOf(target: { port: number; password: string; database: string }): string {
  return `postgres://${embeddedUser}:${target.password}@127.0.0.1:${target.port}/${target.database}`;
}

interface Running {
  readonly dataFolder: string;
  readonly cluster: Cluster;
  readonly server: Server;
  readonly password: string;
  readonly log: ServerLog;
}

class RunningPostgres implements EmbeddedPostgres {
  readonly #running: Running;
  readonly #exits = new EventEmitter();
  readonly #watch: NodeJS.Timeout;
  #ended = false;
  #stopping: Promise<void> | undefined;

  constructor(running: Running) {
    this.#running = running;
    running.server.child?.once('exit', () => this.#onGone());
    // An adopted server is nobody's child, so its end is seen only by looking.
    this.#watch = setInterval(() => isAlive(this.pid) || this.#onGone(), watchEveryMs);
    this.#watch.unref();
  }

  get pid(): number {
    return this.#running.server.pid;
  }

  get port(): number {
    return this.#running.server.port;
  }

  get adopted(): boolean {
    return this.#running.server.adopted;
  }

  url(database: string): string {
    return urlOf({ port: this.port, password: this.#running.password, database });
  }

  onExit(listener: () => void): void {
    this.#exits.once('exit', listener);
    if (this.#ended && !this.#stopping) queueMicrotask(() => this.#exits.emit('exit'));
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async record(pid: number | null): Promise<void> {
    const { dataFolder, cluster, server } = this.#running;
    await writeServerRecord(dataFolder, {
      pid,
      owner: process.pid,
      port: server.port,
      user: embeddedUser,
      version: cluster.binaries.packageVersion,
      location: cluster.folder,
    });
  }

  async #stop(): Promise<void> {
    clearInterval(this.#watch);
    if (this.#ended) return;
    await stopPostmaster(this.#running.cluster, this.pid);
    await this.record(null);
    await this.#running.log[Symbol.asyncDispose]();
  }

  #onGone(): void {
    if (this.#ended || this.#stopping) return;
    this.#ended = true;
    clearInterval(this.#watch);
    void this.#running.log[Symbol.asyncDispose]().finally(() => this.#exits.emit('exit'));
  }
}
