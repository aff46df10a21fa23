import { expect } from 'vitest';
import type { Database, OpenSql } from '@gala/lib/sql';
import { startTestPostgres, type TestPostgres } from '../../lib/sql/testing/index.ts';
import { endTestProcess, startTestProcess, type TestProcess } from './shop-process.ts';

const within = { timeout: 30_000, interval: 20 };

const shopTables = `
  create table shop (shard smallint not null, shop_id bigint not null, orders int not null,
    tags text[] not null default '{"a b",c}', primary key (shard, shop_id));
  create table shop_order (shard smallint not null, order_id bigint not null, shop_id bigint not null,
    version int not null, note text, mark bytea not null default '\\x00ff', primary key (shard, order_id),
    foreign key (shard, shop_id) references shop (shard, shop_id));
  alter table shop_order alter column note set storage external;
  create unlogged table shop_visit (shard smallint not null, shop_id bigint not null, primary key (shard, shop_id))`;

/** What a writer says at its end. */
export interface Written {
  readonly writes: number;
  readonly reads: number;
  readonly failed: number;
  readonly staleReads: number;
  readonly slowestMs: number;
  readonly failures: readonly string[];
  readonly acknowledged: Readonly<Record<string, number>>;
}

/** Two databases with tables of shops and their orders, and processes beside this one. */
export class ShopTest implements AsyncDisposable {
  readonly #postgres: TestPostgres;
  readonly #children: TestProcess[] = [];
  #writersStarted = 0;

  private constructor(postgres: TestPostgres) {
    this.#postgres = postgres;
  }

  /** The shards named have 200 shops with 2000 orders each, on the first database. */
  static async start(shards: readonly number[]): Promise<ShopTest> {
    const postgres = await startTestPostgres();
    for (const { pool } of postgres.sql.shards()) await pool.query(shopTables);
    const [database] = postgres.sql.shards();
    for (const shard of shards) {
      await database.pool.query(`
        insert into shop select ${shard}, i, 0 from generate_series(1, 200) i;
        insert into shop_visit select ${shard}, i from generate_series(1, 200) i;
        insert into shop_order select ${shard}, i, 1 + i % 200, 0, repeat('o', 50) from generate_series(1, 2000) i`);
    }
    return new ShopTest(postgres);
  }

  get sql(): OpenSql {
    return this.#postgres.sql;
  }

  get databases(): readonly Database[] {
    return this.sql.shards();
  }

  startProcess(script: string, options: object): TestProcess {
    const child = startTestProcess(script, { urls: this.#postgres.urls, ...options });
    this.#children.push(child);
    return child;
  }

  /** Two processes, each with rows of its own, so that what it was told can be compared with what is there. */
  async startWriters(shard: number): Promise<() => Promise<Written[]>> {
    const names = [++this.#writersStarted, ++this.#writersStarted];
    const writers = names.map((name) => this.startProcess('shop-writer.ts', { shard, name, clients: 3 }));
    await expect.poll(() => writers.every(({ lines }) => lines.includes('ready')), within).toBe(true);
    return async () => {
      await Promise.all(writers.map((writer) => endTestProcess(writer, 'SIGTERM')));
      return writers.map(({ lines }) => JSON.parse(lines.at(-1)!) as Written);
    };
  }

  /** Which databases own the shard, and which have rows of it. */
  async placesOf(shard: number): Promise<{ owners: number[]; holders: number[] }> {
    const owners: number[] = [];
    const holders: number[] = [];
    for (const [index, { pool }] of this.databases.entries()) {
      const owned = await pool.query('select from shard_owner where shard = $1', [shard]);
      const held = await pool.query(
        'select from shop_order where shard = $1 union all select from shop where shard = $1 limit 1',
        [shard],
      );
      if (owned.rowCount) owners.push(index);
      if (held.rowCount) holders.push(index);
    }
    return { owners, holders };
  }

  async countOrders(shard: number): Promise<number> {
    const text = 'select count(*)::int as count from shop_order where shard = $1';
    const { rows } = await this.sql.read(shard, (client) => client.query<{ count: number }>(text, [shard]));
    return rows[0].count;
  }

  /** What moves have made and not removed. */
  async leftOvers(): Promise<string[]> {
    const text = `
      select 'publication ' || pubname as name from pg_publication where pubname like 'gala_move%'
      union all select 'schema ' || nspname from pg_namespace where nspname like 'shard_arrival%'
      union all select 'arrival ' || id from shard_arrival
      union all select 'slot ' || slot_name from pg_replication_slots where slot_name like 'gala_move%'`;
    const found = await Promise.all(this.databases.map(({ pool }) => pool.query<{ name: string }>(text)));
    return found.flatMap(({ rows }) => rows.map(({ name }) => name));
  }

  /** Rows that are not as their writer was told at last. */
  async countLost(shard: number, written: readonly Written[]): Promise<number> {
    const acknowledged = Object.assign({}, ...written.map((one) => one.acknowledged)) as Record<
      string,
      number
    >;
    const { rows } = await this.sql.read(shard, (client) =>
      client.query<{ id: string; version: number }>(
        `select order_id::text as id, version from shop_order where shard = $1
         union all select 'shop ' || shop_id, orders from shop where shard = $1`,
        [shard],
      ),
    );
    const stored = new Map(rows.map(({ id, version }) => [id, version]));
    return Object.entries(acknowledged).filter(([id, version]) => stored.get(id) !== version).length;
  }

  async endProcesses(): Promise<void> {
    for (const child of this.#children.splice(0)) await endTestProcess(child, 'SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.endProcesses();
    await this.#postgres[Symbol.asyncDispose]();
  }
}
