import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import {
  dropPublication,
  ensurePublication,
  feedPosition,
  openSnapshotAndFeed,
  parseLsn,
} from '../changes/index.ts';
import { CodedError, hasCode, invariant } from '../error/index.ts';
import {
  findDeparture,
  finishMove,
  logicalShardCount,
  shardLockClass,
  type Database,
  type Sql,
} from '../sql/index.ts';
import { CatchUp, markPrefix } from './catch-up.ts';
import { shardErrors } from './errors.ts';
import { Fence } from './fence.ts';
import { makePartitions } from './partitions.ts';
import { removeStaging, Staging } from './staging.ts';
import { assertSameTables, listShardedTables, misfit, quoted, type ShardedTable } from './tables.ts';

/** In this order; from `decided` on the shard is on the target, whatever happens to the mover. */
export type MoveStep =
  | 'claimed'
  | 'staged'
  | 'copied'
  | 'caughtUp'
  | 'fenced'
  | 'ready'
  | 'decided'
  | 'finished';

export interface MoveOptions {
  readonly sql: Sql;
  readonly shard: number;
  /** Index of the database in the settings' order. */
  readonly to: number;
  /** Awaited after each step. */
  onStep?(step: MoveStep): Promise<void> | void;
}

export interface MoveReport {
  readonly shard: number;
  readonly from: number;
  readonly to: number;
  /** Rows that went over, those changed while they were copied, and how long the copy took. */
  readonly rows: number;
  readonly changes: number;
  readonly copyMs: number;
  /** How long writers of the shard waited at most, and how often the fence was closed. */
  readonly fenceMs: number;
  readonly fences: number;
}

const rowsPerFetch = 1000;
const copyTimeoutMs = 60_000;
const catchUpMsMax = 60_000;
/** Within a fence: writers wait this long for their last changes to arrive, then the fence opens again. */
const drainMsMax = 800;
const fenceTimeoutMs = 1000;
const fencesMax = 10;
const fenceRetryMs = 200;
/** A change takes this long to its copy at most before the fence is worth closing. */
const nearMs = 100;
const nearTriesMax = 10;
const moveLockClass = shardLockClass + 1;

/**
 * Moves a logical shard to another database while it is written to. Every sharded table goes (`shard` first in its
 * primary key). Writers of the shard wait while the last changes follow, then go on where it went. A mover that dies
 * before the decision leaves the shard where it was, after it where it goes; the next move, or the next access,
 * clears up. Errors: SHARD_MOVING, SHARD_MISFIT, SHARD_BUSY, those of the databases.
 */
export async function moveShard(options: MoveOptions): Promise<MoveReport> {
  const { sql, shard, to } = options;
  invariant(Number.isInteger(shard) && shard >= 0 && shard < logicalShardCount, `shard ${shard} exists`);
  const shards = sql.shards().map(({ pool }) => pool);
  if (!shards[to]) throw misfit(`there is no database ${to}`);
  const lock = await sql.core().openClient();
  try {
    const { rows } = await lock.query<{ won: boolean }>('select pg_try_advisory_lock($1, $2) as won', [
      moveLockClass,
      shard,
    ]);
    if (!rows[0].won) throw new CodedError(shardErrors, 'SHARD_MOVING', { detail: `shard ${shard}` });
    const { owners, version } = await finishMove({ core: sql.core().pool, shards, shard });
    const from = owners[shard];
    await using move = new ShardMove(options, from, version);
    return await move.run();
  } finally {
    await lock.end().catch(() => undefined);
  }
}

class ShardMove implements AsyncDisposable {
  readonly #options: MoveOptions;
  readonly #from: number;
  readonly #mapVersion: number;
  readonly #source: Database;
  readonly #target: Database;
  readonly #token = randomBytes(8).toString('hex');
  readonly #open = new AsyncDisposableStack();
  #isDecided = false;
  #copyMs = 0;
  #fenceMs = 0;
  #fences = 0;
  #rows = 0;
  /** Where the last mark lies in the WAL of the source. */
  #markLsn = 0;

  constructor(options: MoveOptions, from: number, mapVersion: number) {
    this.#options = options;
    this.#from = from;
    this.#mapVersion = mapVersion;
    const databases = options.sql.shards();
    this.#source = databases[from];
    this.#target = databases[options.to];
  }

  async run(): Promise<MoveReport> {
    const { shard, to } = this.#options;
    await this.#claim();
    await this.#clearUp();
    await this.#step('claimed');
    if (this.#from === to) return this.#report(0);
    const source = await this.#client(this.#source, copyTimeoutMs);
    const target = await this.#client(this.#target, copyTimeoutMs);
    const all = await listShardedTables(source);
    assertSameTables(all, await listShardedTables(target));
    const tables = all.filter(({ isLogged }) => isLogged);
    const parts = { client: target, shard, token: this.#token, mapVersion: this.#mapVersion, tables };
    const staging = await Staging.make(parts);
    await makePartitions(source, target);
    await this.#step('staged');
    const catchUp = await this.#copy(source, staging, tables);
    await this.#step('copied');
    await this.#comeNear(catchUp);
    await this.#step('caughtUp');
    await this.#cross({ catchUp, staging, tables: all });
    await this.#step('finished');
    return this.#report(catchUp.changes);
  }

  #report(changes: number): MoveReport {
    const { shard, to } = this.#options;
    const figures = { copyMs: this.#copyMs, fenceMs: this.#fenceMs, fences: this.#fences };
    return { shard, from: this.#from, to, rows: this.#rows, changes, ...figures };
  }

  /** What is not decided leaves nothing behind, unless its database cannot be reached: then the next move clears up. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open.disposeAsync();
    const { shard } = this.#options;
    await withClient(this.#source, async (client) => {
      await dropPublication(client, this.#publication);
      if (this.#isDecided || !(await this.#disclaim(client))) return;
      await withClient(this.#target, (other) => removeStaging(other, shard));
    });
  }

  get #publication(): string {
    return `gala_move_${this.#options.shard}`;
  }

  async #step(step: MoveStep): Promise<void> {
    await this.#options.onStep?.(step);
  }

  async #client(database: Database, timeoutMs: number): Promise<Client> {
    const client = await database.openClient(timeoutMs);
    this.#open.defer(() => client.end().catch(() => undefined));
    return client;
  }

  /** From now on no earlier mover can decide: it would have to find its own token. */
  async #claim(): Promise<void> {
    const { rowCount } = await this.#source.pool.query('update shard_owner set token = $2 where shard = $1', [
      this.#options.shard,
      this.#token,
    ]);
    if (rowCount !== 1) throw misfit('the database that the map names does not own it');
  }

  /** What movers that died have left, wherever they wanted to go. */
  async #clearUp(): Promise<void> {
    for (const database of this.#options.sql.shards()) {
      await withClient(database, async (client) => {
        await dropPublication(client, this.#publication);
        if (database !== this.#source) await removeStaging(client, this.#options.shard);
      });
    }
  }

  /** Waits for a decision that is under way; true when there will be none. */
  async #disclaim(client: Client): Promise<boolean> {
    const { rowCount } = await client.query(
      `update shard_owner set token = '' where shard = $1 and token = $2`,
      [this.#options.shard, this.#token],
    );
    return rowCount === 1;
  }

  async #copy(source: Client, staging: Staging, tables: readonly ShardedTable[]): Promise<CatchUp> {
    const { shard } = this.#options;
    const begunMs = performance.now();
    const where = `shard = ${shard}`;
    await ensurePublication(
      source,
      this.#publication,
      tables.map(({ name }) => ({ name, where })),
    );
    const feed = this.#open.use(
      await openSnapshotAndFeed({
        database: this.#source,
        publication: this.#publication,
        slot: `gala_move_${shard}_${this.#token}`,
        values: 'text',
      }),
    );
    await source.query(
      `begin isolation level repeatable read read only; set transaction snapshot '${feed.snapshot}'`,
    );
    await staging.begin();
    for (const table of tables) await copyTable(source, staging, { table, shard });
    await staging.commit();
    await source.query('commit');
    this.#copyMs = performance.now() - begunMs;
    return CatchUp.start(feed, staging, tables);
  }

  async #comeNear(catchUp: CatchUp): Promise<void> {
    for (let tries = 0; tries < nearTriesMax; tries++) {
      const begunMs = performance.now();
      await catchUp.until((mark) => this.#mark(mark), catchUpMsMax);
      if (performance.now() - begunMs <= nearMs) return;
    }
  }

  /** Committed and flushed, so that what was committed before it is sent before it. */
  async #mark(mark: string): Promise<void> {
    const results = (await this.#source.pool.query(
      `begin; set local synchronous_commit = on;
       select pg_logical_emit_message(true, '${markPrefix}', '${mark}')::text as lsn; commit`,
    )) as unknown as { readonly rows: readonly { readonly lsn: string }[] }[];
    this.#markLsn = parseLsn(results[2].rows[0].lsn);
  }

  async #cross(parts: CrossingParts): Promise<void> {
    for (;;) {
      try {
        await this.#tryCross(parts);
        return;
      } catch (error) {
        const isBusy = hasCode(error, 'SHARD_BUSY', 'STATEMENT_TIMEOUT');
        if (!isBusy || this.#isDecided || this.#fences >= fencesMax) throw error;
        parts.catchUp.goOn();
        await delay(fenceRetryMs * (1 + Math.random()));
        await this.#comeNear(parts.catchUp);
      }
    }
  }

  async #tryCross({ catchUp, staging, tables }: CrossingParts): Promise<void> {
    const { shard, to } = this.#options;
    const client = await this.#source.openClient(fenceTimeoutMs);
    const fence = new Fence(client, shard);
    const begunMs = performance.now();
    try {
      this.#fences++;
      await fence.close(tables);
      await this.#step('fenced');
      await catchUp.until((mark) => this.#mark(mark), drainMsMax);
      catchUp.hold();
      await this.#awaitFeed();
      await this.#assertWhole(fence, staging, tables);
      await staging.declareReady();
      await this.#step('ready');
      await this.#decide(fence, to);
      await this.#step('decided');
      await this.#finish();
    } finally {
      if (!this.#isDecided) await fence.open();
      this.#fenceMs = Math.max(this.#fenceMs, performance.now() - begunMs);
      await client.end().catch(() => undefined);
    }
  }

  /** A commit whose answer was lost may have happened: the row says so, once it can be had. */
  async #decide(fence: Fence, to: number): Promise<void> {
    try {
      await fence.decide(to, this.#token);
    } catch (error) {
      const departure = await withClient(this.#source, async (client) =>
        (await this.#disclaim(client)) ? undefined : findDeparture(client, this.#options.shard),
      );
      if (departure?.token !== this.#token) throw error;
    }
    this.#isDecided = true;
  }

  async #finish(): Promise<void> {
    const { sql, shard } = this.#options;
    await finishMove({ core: sql.core().pool, shards: sql.shards().map(({ pool }) => pool), shard });
  }

  async #assertWhole({ leaving }: Fence, staging: Staging, tables: readonly ShardedTable[]): Promise<void> {
    this.#rows = 0;
    for (const { name } of tables.filter(({ isLogged }) => isLogged)) {
      const rows = leaving.get(name) ?? 0;
      const staged = await staging.countRows(name);
      if (staged !== rows) throw misfit(`${name} has ${rows} rows, its copy ${staged}`);
      this.#rows += rows;
    }
  }

  /** What the source wrote is in the event log before the target can write: the order of a row's changes holds. */
  async #awaitFeed(): Promise<void> {
    const untilMs = performance.now() + drainMsMax;
    for (;;) {
      const { isActive, takenLsn } = await feedPosition(this.#source.pool);
      if (!isActive || takenLsn >= this.#markLsn) return;
      if (performance.now() >= untilMs) {
        throw new CodedError(shardErrors, 'SHARD_BUSY', { detail: 'the change feed is behind' });
      }
      await delay(5);
    }
  }
}

interface CrossingParts {
  readonly catchUp: CatchUp;
  readonly staging: Staging;
  readonly tables: readonly ShardedTable[];
}

async function copyTable(
  source: Client,
  staging: Staging,
  { table, shard }: { readonly table: ShardedTable; readonly shard: number },
): Promise<void> {
  const columns = table.columns.map(({ name }) => `${quoted(name)}::text`).join(', ');
  await source.query(
    `declare moved no scroll cursor for select ${columns} from ${quoted(table.name)} where shard = ${shard}`,
  );
  for (;;) {
    const text = `fetch ${rowsPerFetch} from moved`;
    const { rows } = await source.query<(string | null)[]>({ text, rowMode: 'array' });
    if (rows.length > 0) await staging.put(table, rows);
    if (rows.length < rowsPerFetch) break;
  }
  await source.query('close moved');
}

async function withClient<Result>(
  database: Database,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = await database.openClient();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
