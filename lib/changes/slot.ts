import { createHash } from 'node:crypto';
import { escapeIdentifier, escapeLiteral, type Client, type Pool } from 'pg';
import { movePrefix } from '../sql/index.ts';
import { parseLsn } from './replication.ts';

/** A table of the feed; `columns` (the key among them) when not all may leave the database. */
export interface PublishedTable {
  readonly name: string;
  readonly columns?: readonly string[];
  /** Only these rows, as SQL over columns of the key. */
  readonly where?: string;
}

type Connection = Pick<Client, 'query'>;

/** Makes the publication or brings it to this definition. Changes of partitions carry the name of their table. */
export async function ensurePublication(
  client: Connection,
  name: string,
  tables: readonly PublishedTable[],
): Promise<void> {
  const listed = tables.map(tableClause).join(', ');
  // The server rewrites what it is told, so what was told last is kept beside it.
  const digest = createHash('sha256').update(listed).digest('hex');
  const { rows } = await client.query<{ digest: string | null }>(
    `select obj_description(oid, 'pg_publication') as digest from pg_publication where pubname = $1`,
    [name],
  );
  if (rows[0]?.digest === digest) return;
  const quoted = escapeIdentifier(name);
  const change = rows[0]
    ? `alter publication ${quoted} set table ${listed}`
    : `create publication ${quoted} for table ${listed} with (publish_via_partition_root = true)`;
  await client.query(`begin; ${change}; comment on publication ${quoted} is '${digest}'; commit`);
}

export async function dropPublication(client: Connection, name: string): Promise<void> {
  await client.query(`drop publication if exists ${escapeIdentifier(name)}`);
}

function tableClause({ name, columns, where }: PublishedTable): string {
  const list = columns ? ` (${columns.map(escapeIdentifier).join(', ')})` : '';
  return `${escapeIdentifier(name)}${list}${where ? ` where (${where})` : ''}`;
}

export interface SlotState {
  /** `lost`: its WAL is gone, it went over max_slot_wal_keep_size or was invalidated otherwise. */
  readonly state: 'absent' | 'ready' | 'busy' | 'lost';
  /** What is decoded and not yet taken, and what the slot makes the server keep. */
  readonly lagBytes: number;
  readonly retainedBytes: number;
  /** What may still be written before the slot is lost; Infinity without a bound. */
  readonly bytesLeft: number;
  readonly confirmedLsn: string;
}

const slotText = `
  select active, wal_status, confirmed_flush_lsn::text as confirmed,
    coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn), 0)::float8 as lag,
    coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::float8 as retained,
    safe_wal_size::float8 as safe
  from pg_replication_slots where slot_name = $1 and database = current_database()`;

interface SlotRow {
  active: boolean;
  wal_status: string | null;
  confirmed: string | null;
  lag: number;
  retained: number;
  safe: number | null;
}

export async function readSlot(client: Connection, slot: string): Promise<SlotState> {
  const { rows } = await client.query<SlotRow>(slotText, [slot]);
  const [row] = rows;
  if (!row)
    return { state: 'absent', lagBytes: 0, retainedBytes: 0, bytesLeft: Infinity, confirmedLsn: '0/0' };
  const state = row.wal_status === 'lost' ? 'lost' : row.active ? 'busy' : 'ready';
  return {
    state,
    lagBytes: row.lag,
    retainedBytes: state === 'lost' ? 0 : row.retained,
    bytesLeft: state === 'lost' ? 0 : (row.safe ?? Infinity),
    confirmedLsn: row.confirmed ?? '0/0',
  };
}

export interface FeedPosition {
  /** A reader is connected. */
  readonly isActive: boolean;
  /** What of the database's WAL is in the event log. */
  readonly takenLsn: number;
}

/** How far the feed of a database has come. */
export async function feedPosition(client: Pick<Client | Pool, 'query'>): Promise<FeedPosition> {
  const { rows } = await client.query<{ taken: string | null; active: boolean }>(
    `select confirmed_flush_lsn::text as taken, active from pg_replication_slots
     where slot_name like 'gala\\_changes\\_%' and database = current_database() and not temporary`,
  );
  const [row] = rows;
  return { isActive: row?.active ?? false, takenLsn: row?.taken ? parseLsn(row.taken) : 0 };
}

/**
 * Makes a permanent slot; `announce` is called when changes from here on are kept, and until it is done the slot
 * is not there: whoever dies meanwhile leaves nothing that would hide that changes are missing.
 */
export async function makeSlot(
  client: Connection,
  slot: string,
  announce: () => Promise<void>,
): Promise<void> {
  const temporary = `${slot}_new`;
  await client.query(`select pg_create_logical_replication_slot($1, 'pgoutput', true)`, [temporary]);
  try {
    await announce();
    await client.query(`select pg_copy_logical_replication_slot($1, $2, false)`, [temporary, slot]);
  } finally {
    await client.query('select pg_drop_replication_slot($1)', [temporary]).catch(() => undefined);
  }
}

export async function dropSlot(client: Connection, slot: string): Promise<void> {
  const text = 'select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1';
  await client.query(text, [slot]);
}

/** Ends the connection of a reader that holds the slot without the lease: one that was stopped, or cut off. */
export async function endHolder(client: Connection, slot: string): Promise<void> {
  const text =
    'select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active';
  await client.query(text, [slot]);
}

/** Slots are named over the whole server: their names carry the database's. */
export async function slotName(client: Connection, purpose: string): Promise<string> {
  const { rows } = await client.query<{ name: string }>('select current_database() as name');
  return `gala_${purpose}_${rows[0].name.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_')}`.slice(0, 58);
}

/** Rows of a move are no changes: its transactions begin with this. */
export function markMove(client: Connection, content: string): Promise<unknown> {
  return client.query(`select pg_logical_emit_message(true, '${movePrefix}', ${escapeLiteral(content)})`);
}
