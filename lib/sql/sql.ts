import type { PoolClient } from 'pg';
import { CodedError, hasCode, invariant } from '../error/index.ts';
import type { Clock } from '../clock/index.ts';
import type { Logger } from '../logger/index.ts';
import type { Metrics } from '../metrics/index.ts';
import type { DatabaseUrls } from './databases.ts';
import { outageCodes, sqlErrors, type SqlErrorCode } from './errors.ts';
import { openDatabase, toSqlError } from './pool.ts';
import { readShardMap, type ShardMap } from './shard-map.ts';
import { finishMove, listOwned } from './shard-moves.ts';
import { logicalShardCount, type Database, type Sql } from './types.ts';

export interface SqlOptions {
  readonly urls: DatabaseUrls;
  /** All connections of this process, over all its pools; see `connectionPlan`. */
  readonly connectionsMax: number;
  readonly processName: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Ends a statement on the server; 5 s unless told. */
  readonly statementTimeoutMs?: number;
}

export type OpenSql = Sql & AsyncDisposable;

const statementTimeoutMs = 5000;
/** The first, and one for each of as many moves that one call may run into. */
const attemptsMax = 4;
const pingEveryMs = 2000;
const pingWhileDownMs = 300;

export interface ConnectionPlan {
  readonly core: number;
  readonly shard: number;
  readonly archive: number;
}

/**
 * How one process's budget is divided. What has ended is asked for little and in batches, so an archive gets one or
 * two; core carries coord as well, so it gets what is left over.
 */
export function connectionPlan(
  connectionsMax: number,
  shardCount: number,
  archiveCount: number,
): ConnectionPlan {
  const archive = connectionsMax >= 8 * (shardCount + archiveCount) ? 2 : 1;
  const rest = connectionsMax - archive * archiveCount;
  const shard = Math.max(1, Math.floor(rest / (shardCount + 1)));
  return { core: Math.max(2, rest - shard * shardCount), shard, archive };
}

/**
 * Opens the pools of one process and reads the shard map. A database that goes away later is
 * DATABASE_UNAVAILABLE within seconds and is used again as soon as it answers.
 * Errors: DATABASE_UNAVAILABLE, WRONG_SHARD.
 */
export async function openSql(options: SqlOptions): Promise<OpenSql> {
  const pools = new Pools(options);
  try {
    await pools.refreshMap();
    return pools;
  } catch (error) {
    await pools[Symbol.asyncDispose]();
    throw error;
  }
}

type OpenDatabase = Database & AsyncDisposable;

class Pools implements OpenSql {
  readonly #core: OpenDatabase;
  readonly #shards: readonly OpenDatabase[];
  readonly #archives: readonly OpenDatabase[];
  readonly #logger: Logger;
  readonly #counters: Record<'unavailable' | 'busy' | 'statementTimeout' | 'wrongShard', number>;
  #map: ShardMap | undefined;
  #refreshing: Promise<void> | undefined;
  #healthy = true;
  #closed = false;
  #ping: NodeJS.Timeout | undefined;

  constructor(options: SqlOptions) {
    const { urls, connectionsMax, logger, metrics } = options;
    const plan = connectionPlan(connectionsMax, urls.shards.length, urls.archives.length);
    this.#logger = logger;
    this.#counters = metrics.counters('sql', ['unavailable', 'busy', 'statementTimeout', 'wrongShard']);
    const open = (name: string, url: string, max: number): OpenDatabase =>
      openDatabase({
        name,
        url,
        connectionsMax: max,
        processName: options.processName,
        statementTimeoutMs: options.statementTimeoutMs ?? statementTimeoutMs,
        onFailure: (code) => this.#note(code, name),
      });
    this.#core = open('core', urls.core, plan.core);
    this.#shards = urls.shards.map((url, index) => open(`s${index}`, url, plan.shard));
    this.#archives = urls.archives.map((url, index) => open(`a${index}`, url, plan.archive));
    this.#showPools(metrics);
    this.#schedulePing();
  }

  core<Tables>(): Database<Tables> {
    return this.#core as Database as Database<Tables>;
  }

  shards<Tables>(): readonly Database<Tables>[] {
    return this.#shards as readonly Database[] as readonly Database<Tables>[];
  }

  archives<Tables>(): readonly Database<Tables>[] {
    return this.#archives as readonly Database[] as readonly Database<Tables>[];
  }

  shard<Tables>(shard: number): Database<Tables> {
    invariant(Number.isInteger(shard) && shard >= 0 && shard < logicalShardCount, `shard ${shard} exists`);
    const index = this.#map?.owners[shard] ?? 0;
    return this.#shards[index] as Database as Database<Tables>;
  }

  async tx<Result>(shard: number, work: (client: PoolClient) => Promise<Result>): Promise<Result> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      if (attempt > 0) await this.#locate(shard);
      try {
        return await this.#attempt(shard, work);
      } catch (error) {
        if (!(error instanceof NotOwned)) throw error;
      }
      this.#counters.wrongShard++;
    }
    throw wrongShard([shard]);
  }

  async read<Result>(shard: number, work: (client: PoolClient) => Promise<Result>): Promise<Result> {
    const [result] = await this.readEach([shard], work);
    return result;
  }

  async readEach<Result>(
    shards: readonly number[],
    work: (client: PoolClient, shards: readonly number[]) => Promise<Result>,
  ): Promise<Result[]> {
    const results: Result[] = [];
    let open = [...new Set(shards)];
    for (let attempt = 0; open.length > 0 && attempt < attemptsMax; attempt++) {
      if (attempt > 0) await this.#locate(open[0]);
      const map = this.#map!;
      const groups = [...Map.groupBy(open, (shard) => map.owners[shard]).values()];
      const answers = await Promise.all(groups.map((group) => this.#readOwned(group, map.version, work)));
      for (const answer of answers) if (answer) results.push(answer.result);
      open = groups.filter((_, i) => !answers[i]).flat();
    }
    if (open.length > 0) throw wrongShard(open);
    return results;
  }

  healthy(): boolean {
    return this.#healthy;
  }

  /** Reads the map again; callers that come meanwhile share the one reading. */
  refreshMap(): Promise<void> {
    this.#refreshing ??= this.#readMap().finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#ping);
    await Promise.all(
      [this.#core, ...this.#shards, ...this.#archives].map((database) => database[Symbol.asyncDispose]()),
    );
  }

  /** A shard that is not where the map has it: its move is finished if it was left half done, and the map read. */
  async #locate(shard: number): Promise<void> {
    const shards = this.#shards.map(({ pool }) => pool);
    const map = await finishMove({ core: this.#core.pool, shards, shard });
    if (map.version >= (this.#map?.version ?? 0)) this.#map = map;
  }

  /** Undefined when the database does not own all of them: what was read may be a part. */
  async #readOwned<Result>(
    shards: readonly number[],
    mapVersion: number,
    work: (client: PoolClient, shards: readonly number[]) => Promise<Result>,
  ): Promise<{ result: Result } | undefined> {
    const client = await this.shard(shards[0]).pool.connect();
    let isBroken = false;
    try {
      const outcome = await work(client, shards).then(
        (result) => ({ result }),
        (error: unknown) => ({ error }),
      );
      if ('error' in outcome && hasCode(outcome.error, ...outageCodes)) throw outcome.error;
      const owned = await listOwned(client, shards, mapVersion);
      if (shards.every((shard) => owned.has(shard))) {
        if ('error' in outcome) throw outcome.error;
        return outcome;
      }
      // What was found there, or missed, says nothing.
      this.#counters.wrongShard++;
      return undefined;
    } catch (error) {
      isBroken = hasCode(error, ...outageCodes);
      throw this.#noteError(error, shards[0]);
    } finally {
      client.release(isBroken);
    }
  }

  async #readMap(): Promise<void> {
    this.#map = await readShardMap(this.#core.pool, this.#shards.length);
  }

  /** Begin and ownership check are one round trip; `work` runs only where the shard is. */
  async #attempt<Result>(shard: number, work: (client: PoolClient) => Promise<Result>): Promise<Result> {
    const client = await this.shard(shard).pool.connect();
    let broken = false;
    try {
      await enter(client, shard);
      const result = await work(client);
      const { command } = await client.query('commit');
      // COMMIT of a transaction whose error was swallowed by `work` answers with ROLLBACK.
      invariant(command === 'COMMIT', 'a failed statement fails its transaction');
      return result;
    } catch (error) {
      broken = await client.query('rollback').then(
        () => false,
        () => true,
      );
      throw this.#noteError(error, shard);
    } finally {
      client.release(broken);
    }
  }

  #noteError(error: unknown, shard: number): Error {
    const mapped = toSqlError(error);
    if (mapped instanceof CodedError) this.#note(mapped.code as SqlErrorCode, this.shard(shard).name);
    return mapped;
  }

  #note(code: SqlErrorCode, database: string): void {
    if (code === 'DATABASE_BUSY') this.#counters.busy++;
    if (code === 'STATEMENT_TIMEOUT') this.#counters.statementTimeout++;
    if (code !== 'DATABASE_UNAVAILABLE') return;
    this.#counters.unavailable++;
    if (database === 'core') this.#setHealthy(false);
  }

  #setHealthy(healthy: boolean): void {
    if (healthy === this.#healthy) return;
    this.#healthy = healthy;
    this.#logger[healthy ? 'info' : 'warn']({ healthy }, 'core database');
    this.#schedulePing();
  }

  #schedulePing(): void {
    clearTimeout(this.#ping);
    if (this.#closed) return;
    const ping = (): void => void this.#pingCore().finally(() => this.#schedulePing());
    this.#ping = setTimeout(ping, this.#healthy ? pingEveryMs : pingWhileDownMs).unref();
  }

  async #pingCore(): Promise<void> {
    try {
      await this.#core.pool.query('select 1');
      this.#setHealthy(true);
    } catch (error) {
      // A pool that is busy answers later; only a database that cannot be reached is unhealthy.
      if (hasCode(error, 'DATABASE_UNAVAILABLE')) this.#setHealthy(false);
    }
  }

  #showPools(metrics: Metrics): void {
    const all = [this.#core, ...this.#shards, ...this.#archives];
    metrics.gauges({
      name: 'gala_sql_pool_connections',
      help: 'connections of this process by database and state',
      labelNames: ['database', 'state'],
      read: () =>
        all.flatMap(({ name: database, pool }) => [
          { labels: { database, state: 'open' }, value: pool.totalCount },
          { labels: { database, state: 'idle' }, value: pool.idleCount },
          { labels: { database, state: 'awaited' }, value: pool.waitingCount },
        ]),
    });
  }
}

function wrongShard(shards: readonly number[]): CodedError {
  return new CodedError(sqlErrors, 'WRONG_SHARD', { detail: `shard ${shards.slice(0, 5).join(', ')}` });
}

/** Inside only: the database answered that the shard is not its own. */
class NotOwned extends Error {
  override readonly name = 'NotOwnedError';
}

async function enter(client: PoolClient, shard: number): Promise<void> {
  const text = `begin; select shard_enter(${shard}) as version`;
  const results = (await client.query(text)) as unknown as { rows: { version: number }[] }[];
  if (!results[1]?.rows[0]?.version) throw new NotOwned(`shard ${shard}`);
}
