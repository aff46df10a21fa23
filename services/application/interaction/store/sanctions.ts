import type { Sql } from '@gala/lib/sql';
import { shardOfUser } from '@gala/protocol/ids';
import type { Sanction, SanctionKind } from '../rules/sanctions.ts';
import type { Connection } from './connection.ts';

export interface StoredSanction extends Sanction {
  /** The user's, as it was when he was sanctioned. */
  readonly name: string;
  /** 0 for the operator token. */
  readonly by: number;
  readonly reason: string;
  readonly createdAtMs: number;
}

/** Of one host, and of the installation. */
export const sanctionsMax = 10_000;

/** Where sanctions lie: those of a host in its shard, those of the installation in core. */
interface Place {
  readonly table: 'interaction_sanction' | 'interaction_site_sanction';
  readonly key: readonly (readonly [column: 'shard' | 'host_id', value: number])[];
  readonly run: <Result>(work: (client: Connection) => Promise<Result>) => Promise<Result>;
}

interface SanctionRow {
  user_id: number;
  kind: SanctionKind;
  name: string;
  until_ms: number;
  by_id: number;
  reason: string;
  created_at_ms: number;
}

/** `hostId` 0 stands for the whole installation. */
function placeOf(sql: Sql, hostId: number): Place {
  if (hostId === 0) {
    return { table: 'interaction_site_sanction', key: [], run: (work) => work(sql.core().pool) };
  }
  const shard = shardOfUser(hostId);
  return {
    table: 'interaction_sanction',
    key: [
      ['shard', shard],
      ['host_id', hostId],
    ],
    run: (work) => sql.tx(shard, work),
  };
}

/** Replaces the one of the same kind. False when there are as many as may be; those that have ended make room. */
export function putSanction(sql: Sql, hostId: number, sanction: StoredSanction): Promise<boolean> {
  const { table, key, run } = placeOf(sql, hostId);
  const { userId, kind, name, untilMs, by, reason, createdAtMs: nowMs } = sanction;
  const columns = key.map(([column]) => `${column}, `).join('');
  const places = key.map((_, at) => `$${at + 8}, `).join('');
  const of = whereOf(key, 8);
  return run(async (client) => {
    await client.query({
      name: `${table}-tidy`,
      text: `delete from ${table} where ${whereOf(key, 2)} until_ms between 1 and $1`,
      values: [nowMs, ...valuesOf(key)],
    });
    const { rowCount } = await client.query({
      name: `${table}-put`,
      text: `
        insert into ${table} (${columns} user_id, kind, name, until_ms, by_id, reason, created_at_ms)
        select ${places} $1::bigint, $2::text, $3::text, $4::bigint, $5::bigint, $6::text, $7::bigint
        where (select count(*) from ${table} where ${of} true) < ${sanctionsMax}
          or exists (select 1 from ${table} where ${of} user_id = $1 and kind = $2)
        on conflict (${columns} user_id, kind) do update set name = excluded.name, until_ms = excluded.until_ms,
          by_id = excluded.by_id, reason = excluded.reason, created_at_ms = excluded.created_at_ms`,
      values: [userId, kind, name, untilMs, by, reason, nowMs, ...valuesOf(key)],
    });
    return rowCount === 1;
  });
}

export function deleteSanction(
  sql: Sql,
  hostId: number,
  { userId, kind }: Pick<Sanction, 'userId' | 'kind'>,
): Promise<boolean> {
  const { table, key, run } = placeOf(sql, hostId);
  return run(async (client) => {
    const { rowCount } = await client.query({
      name: `${table}-delete`,
      text: `delete from ${table} where ${whereOf(key, 3)} user_id = $1 and kind = $2`,
      values: [userId, kind, ...valuesOf(key)],
    });
    return rowCount === 1;
  });
}

export interface SanctionPage {
  readonly nowMs: number;
  readonly afterUserId: number;
  readonly limit: number;
}

/** Those that hold, by user; all of the last user's are on the page. */
export function listSanctions(
  sql: Sql,
  hostId: number,
  { nowMs, afterUserId, limit }: SanctionPage,
): Promise<StoredSanction[]> {
  const { table, key, run } = placeOf(sql, hostId);
  return run(async (client) => {
    const { rows } = await client.query<SanctionRow>({
      name: `${table}-list`,
      text: `
        select * from ${table}
        where ${whereOf(key, 4)} user_id > $1 and (until_ms = 0 or until_ms > $2)
        order by user_id fetch first $3 rows with ties`,
      values: [afterUserId, nowMs, limit, ...valuesOf(key)],
    });
    return rows.map(sanctionOf);
  });
}

function whereOf(key: Place['key'], first: number): string {
  return key.map(([column], at) => `${column} = $${first + at} and `).join('');
}

function valuesOf(key: Place['key']): number[] {
  return key.map(([, value]) => value);
}

function sanctionOf(row: SanctionRow): StoredSanction {
  return {
    userId: row.user_id,
    kind: row.kind,
    name: row.name,
    untilMs: row.until_ms,
    by: row.by_id,
    reason: row.reason,
    createdAtMs: row.created_at_ms,
  };
}
