import type { Client } from 'pg';
import { arrivalSchema } from '../sql/index.ts';
import { misfit, quoted, type ShardedTable } from './tables.ts';

export interface StagingOptions {
  readonly client: Client;
  readonly shard: number;
  readonly token: string;
  readonly mapVersion: number;
  readonly tables: readonly ShardedTable[];
}

/** The copy of a shard on its target: tables of their own, which nobody reads until the move is decided. */
export class Staging {
  readonly #client: Client;
  readonly #shard: number;
  readonly #token: string;
  readonly #schema: string;

  private constructor({ client, shard, token }: StagingOptions) {
    this.#client = client;
    this.#shard = shard;
    this.#token = token;
    this.#schema = quoted(arrivalSchema(shard));
  }

  /** Errors: SHARD_MISFIT when the target has rows of the shard. */
  static async make(options: StagingOptions): Promise<Staging> {
    const { client, shard, token, mapVersion, tables } = options;
    const staging = new Staging(options);
    for (const { name } of tables) {
      const { rowCount } = await client.query(`select from ${quoted(name)} where shard = $1 limit 1`, [
        shard,
      ]);
      if (rowCount) throw misfit(`${name} has rows of shard ${shard}`);
    }
    await client.query(`create schema ${staging.#schema}`);
    for (const table of tables) {
      const staged = staging.#staged(table.name);
      await client.query(`create table ${staged} (like ${quoted(table.name)} including defaults including storage);
        alter table ${staged} add primary key (${table.key.map(quoted).join(', ')})`);
    }
    await client.query('insert into shard_arrival(id, token, map_version, tables) values ($1, $2, $3, $4)', [
      shard,
      token,
      mapVersion,
      tables.map(({ name }) => name),
    ]);
    return staging;
  }

  begin(): Promise<unknown> {
    return this.#client.query('begin');
  }

  commit(): Promise<unknown> {
    return this.#client.query('commit');
  }

  /** Whole rows, new or instead of what is there. Values are the server's own text, in the order of `columns`. */
  async put({ name, columns, key }: ShardedTable, rows: readonly TextRow[]): Promise<void> {
    const names = columns.map((column) => quoted(column.name));
    const set = names.map((column) => `${column} = excluded.${column}`).join(', ');
    await this.#client.query(
      `insert into ${this.#staged(name)} (${names.join(', ')}) select ${castsOf(columns)} from ${given(columns)}
       on conflict (${key.map(quoted).join(', ')}) do update set ${set}`,
      columns.map((_, i) => rows.map((row) => row[i])),
    );
  }

  /** Parts of rows that are there: the columns in `shown`, the key among them. */
  async patch(
    { name, columns, key }: ShardedTable,
    shown: readonly number[],
    rows: readonly TextRow[],
  ): Promise<void> {
    const parts = shown.map((i) => columns[i]);
    const set = parts.map(
      (column) => `${quoted(column.name)} = given.${quoted(column.name)}::${column.type}`,
    );
    await this.#client.query(
      `update ${this.#staged(name)} staged set ${set.join(', ')} from ${given(parts)} where ${sameKey(parts, key)}`,
      shown.map((i) => rows.map((row) => row[i])),
    );
  }

  /** A row whose key changed: what it does not carry stays with it. */
  async rekey({ name, columns, key }: ShardedTable, old: TextRow, row: TextRow): Promise<void> {
    const places = key.map((wanted) => columns.findIndex((column) => column.name === wanted));
    const set = key.map((column, i) => `${quoted(column)} = $${i + 1}`).join(', ');
    const where = key.map((column, i) => `${quoted(column)} = $${places.length + i + 1}`).join(' and ');
    const values = [...places.map((place) => row[place]), ...places.map((place) => old[place])];
    await this.#client.query(`update ${this.#staged(name)} set ${set} where ${where}`, values);
  }

  async remove({ name, columns, key }: ShardedTable, rows: readonly TextRow[]): Promise<void> {
    const parts = key.map((wanted) => columns.find((column) => column.name === wanted)!);
    await this.#client.query(
      `delete from ${this.#staged(name)} staged using ${given(parts)} where ${sameKey(parts, key)}`,
      parts.map((part) => rows.map((row) => row[columns.indexOf(part)])),
    );
  }

  async countRows(name: string): Promise<number> {
    const { rows } = await this.#client.query<{ count: number }>(
      `select count(*)::int as count from ${this.#staged(name)}`,
    );
    return rows[0].count;
  }

  /** From now on the decision may fall. */
  async declareReady(): Promise<void> {
    const { rowCount } = await this.#client.query(
      'update shard_arrival set is_ready = true where id = $1 and token = $2',
      [this.#shard, this.#token],
    );
    if (rowCount !== 1) throw misfit('another move has taken the place of this one');
  }

  #staged(name: string): string {
    return `${this.#schema}.${quoted(name)}`;
  }
}

export type TextRow = readonly (string | null | undefined)[];
type Columns = ShardedTable['columns'];

function given(columns: Columns): string {
  const names = columns.map(({ name }) => quoted(name)).join(', ');
  return `unnest(${columns.map((_, i) => `$${i + 1}::text[]`).join(', ')}) as given (${names})`;
}

function castsOf(columns: Columns): string {
  return columns.map(({ name, type }) => `${quoted(name)}::${type}`).join(', ');
}

function sameKey(columns: Columns, key: readonly string[]): string {
  const parts = columns.filter(({ name }) => key.includes(name));
  return parts
    .map(({ name, type }) => `staged.${quoted(name)} = given.${quoted(name)}::${type}`)
    .join(' and ');
}

/** Only where the shard has not been decided to come: the caller has made sure of that. */
export async function removeStaging(client: Client, shard: number): Promise<void> {
  await client.query(`begin; delete from shard_arrival where id = ${shard};
    drop schema if exists ${quoted(arrivalSchema(shard))} cascade; commit`);
}
