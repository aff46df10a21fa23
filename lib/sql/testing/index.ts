import { readFile, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { systemClock } from '../../clock/index.ts';
import { createLogger, type Logger } from '../../logger/index.ts';
import { createMetrics } from '../../metrics/index.ts';
import {
  archiveDatabaseNames,
  databaseNames,
  databaseUrls,
  ensureDatabases,
  type DatabaseUrls,
} from '../databases.ts';
import { prepareArchives } from '../archives.ts';
import { startEmbedded, type EmbeddedPostgres } from '../embedded.ts';
import type { MigrationSet } from '../migrate.ts';
import { isAlive, readPostmaster } from '../postmaster.ts';
import { prepareDatabases } from '../shard-map.ts';
import { openSql, type OpenSql } from '../sql.ts';
import { folderPrefix, layDataFolder, makeTestFolder } from './template.ts';

export { layDataFolder, openTemplate } from './template.ts';
export { openWire, type Wire } from './wire.ts';

export interface TestPostgresOptions {
  /** Sets besides those of lib/sql, run on the core and the two shard databases. */
  readonly sets?: readonly MigrationSet[];
  /** Names of archive databases, oldest first. */
  readonly archives?: readonly string[];
  readonly logger?: Logger;
}

/** A real PostgreSQL of its own for one test file, in a temporary folder. */
export interface TestPostgres extends AsyncDisposable {
  readonly urls: DatabaseUrls;
  readonly sql: OpenSql;
  readonly server: EmbeddedPostgres;
  readonly logger: Logger;
  /** Stops the server as a maintenance would; `start` brings it back on the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Another pool set, as a second process would have, or one with other settings. */
  openSql(processName: string, urls?: DatabaseUrls): Promise<OpenSql>;
}

/** Starts a cluster with core and two shard databases, migrated and opened. Works as root. */
export async function startTestPostgres(options: TestPostgresOptions = {}): Promise<TestPostgres> {
  await sweepAbandoned();
  const logger = options.logger ?? createLogger({ name: 'test', level: 'error' });
  const dataFolder = await makeTestFolder();
  await layDataFolder(dataFolder);
  const start = (): Promise<EmbeddedPostgres> => startEmbedded({ dataFolder, logger, volatile: true });
  const server = await start();
  const { sets = [], archives = archiveDatabaseNames } = options;
  const urls = databaseUrls((database) => server.url(database), archives);
  try {
    await ensureDatabases(server.url('postgres'), databaseNames(archives));
    await prepareDatabases({ urls, sets, logger });
    await prepareArchives({ urls, sets, logger });
    const test = new RunningTest({ urls, logger, dataFolder, start });
    await test.adopt(server);
    return test;
  } catch (error) {
    await server.stop();
    await rm(dataFolder, { recursive: true, force: true });
    throw error;
  }
}

interface TestParts {
  readonly urls: DatabaseUrls;
  readonly logger: Logger;
  readonly dataFolder: string;
  start(): Promise<EmbeddedPostgres>;
}

class RunningTest implements TestPostgres {
  readonly urls: DatabaseUrls;
  readonly logger: Logger;
  readonly #parts: TestParts;
  readonly #opened: OpenSql[] = [];
  #server: EmbeddedPostgres | undefined;

  constructor(parts: TestParts) {
    this.urls = parts.urls;
    this.logger = parts.logger;
    this.#parts = parts;
  }

  get server(): EmbeddedPostgres {
    return this.#server!;
  }

  get sql(): OpenSql {
    return this.#opened[0];
  }

  async adopt(server: EmbeddedPostgres): Promise<void> {
    this.#server = server;
    await this.openSql('test');
  }

  async openSql(processName: string, urls = this.urls): Promise<OpenSql> {
    const { logger } = this;
    const metrics = createMetrics(processName);
    const opened = await openSql({
      urls,
      connectionsMax: 12,
      processName,
      logger,
      metrics,
      clock: systemClock,
    });
    this.#opened.push(opened);
    return opened;
  }

  async stop(): Promise<void> {
    await this.server.stop();
  }

  async start(): Promise<void> {
    this.#server = await this.#parts.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#opened.map((opened) => opened[Symbol.asyncDispose]()));
    await this.server.stop();
    await rm(this.#parts.dataFolder, { recursive: true, force: true });
  }
}

/** A test run that was killed leaves its server: the next run ends it. */
async function sweepAbandoned(): Promise<void> {
  for (const name of await readdir(os.tmpdir())) {
    if (!name.startsWith(folderPrefix)) continue;
    const folder = path.join(os.tmpdir(), name);
    const owner = Number(await readFile(path.join(folder, 'owner'), 'utf8').catch(() => NaN));
    if (!owner || isAlive(owner)) continue;
    const left = await readPostmaster(path.join(folder, 'postgres'));
    if (left && isAlive(left.pid)) process.kill(left.pid, 'SIGQUIT');
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
