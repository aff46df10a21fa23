import { invariant } from '@gala/lib/error';
import { shardOfUser } from '@gala/protocol/ids';
import type { Connection, FoundRows, Transaction } from './connection.ts';
import type { Host, HostMedia, Visibility } from '../room.ts';

const columns = `host_id, name, title, visibility, stream_key_hash, stream_key_version, session_count, created_at_ms, area_id,
  announcement, announced_at_ms`;
const columnsRead = `${columns}, record, forward_urls, source_url, version`;

/** Place in `columns` of what never changes. */
const createdAtColumn = 7;

interface HostRow {
  host_id: number;
  name: string;
  title: string;
  visibility: Visibility;
  stream_key_hash: Buffer;
  stream_key_version: number;
  session_count: number;
  created_at_ms: number;
  area_id: string;
  announcement: string;
  announced_at_ms: number;
  record: boolean;
  forward_urls: string[];
  source_url: string;
  version: number;
}

export async function findHost(db: Connection, hostId: number): Promise<Host | undefined> {
  const { rows } = await db.query<HostRow>({
    name: 'room-find-host',
    text: `select ${columnsRead} from room_host where shard = $1 and host_id = $2`,
    values: [shardOfUser(hostId), hostId],
  });
  return rows[0] && hostOf(rows[0]);
}

/** Many hosts of one database in one statement. */
export async function findHosts(db: Connection, hostIds: readonly number[]): Promise<FoundRows<Host>> {
  const { rows } = await db.query<HostRow & { asked_id: number; is_owned: boolean }>({
    name: 'room-find-hosts',
    text: `select asked.id as asked_id, owner.shard is not null as is_owned, host.*
           from unnest($1::smallint[], $2::bigint[]) as asked (shard, id)
           left join shard_owner owner on owner.shard = asked.shard
           left join room_host host on host.shard = asked.shard and host.host_id = asked.id`,
    values: [hostIds.map(shardOfUser), hostIds],
  });
  const here = rows.filter((row) => row.is_owned && row.host_id !== null);
  return {
    found: new Map(here.map((row) => [row.host_id, hostOf(row)])),
    elsewhere: rows.filter((row) => !row.is_owned).map((row) => row.asked_id),
  };
}

/** The lock under which a host's rooms begin: one at a time. */
export async function lockHost(client: Transaction, hostId: number): Promise<Host | undefined> {
  const { rows } = await client.query<HostRow>({
    name: 'room-lock-host',
    text: `select ${columnsRead} from room_host where shard = $1 and host_id = $2 for update`,
    values: [shardOfUser(hostId), hostId],
  });
  return rows[0] && hostOf(rows[0]);
}

/** False when the host is there already. A new one has no media settings. */
export async function insertHost(client: Transaction, host: Host): Promise<boolean> {
  const { rowCount } = await client.query(
    `insert into room_host (shard, ${columns}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     on conflict do nothing`,
    [shardOfUser(host.hostId), ...valuesOf(host)],
  );
  return rowCount === 1;
}

/**
 * Writes what of a locked host may change: all but its id, the time it was made and its media settings. Answers it as
 * it is stored.
 */
export async function saveHost(client: Transaction, host: Host): Promise<Host> {
  const { rows } = await client.query<{ version: number }>({
    name: 'room-save-host',
    text: `update room_host set name = $3, title = $4, visibility = $5, stream_key_hash = $6,
             stream_key_version = $7, session_count = $8, area_id = $9, announcement = $10, announced_at_ms = $11
           where shard = $1 and host_id = $2 returning version`,
    values: [shardOfUser(host.hostId), ...valuesOf(host).filter((_, index) => index !== createdAtColumn)],
  });
  invariant(rows.length === 1, 'a locked host is there');
  return { ...host, version: rows[0].version };
}

/** The new version of the host; undefined when there is no such host. */
export async function saveHostMedia(
  db: Connection,
  hostId: number,
  { record, forwardUrls, sourceUrl }: HostMedia,
): Promise<number | undefined> {
  const { rows } = await db.query<{ version: number }>({
    name: 'room-save-host-media',
    text: `update room_host set record = $3, forward_urls = $4, source_url = $5
           where shard = $1 and host_id = $2 returning version`,
    values: [shardOfUser(hostId), hostId, record, forwardUrls, sourceUrl],
  });
  return rows[0]?.version;
}

function valuesOf(host: Host): unknown[] {
  const { hostId, name, title, visibility, streamKeyHash, streamKeyVersion, sessionCount, createdAtMs } =
    host;
  const told = [host.areaId, host.announcement, host.announcedAtMs];
  return [
    hostId,
    name,
    title,
    visibility,
    streamKeyHash,
    streamKeyVersion,
    sessionCount,
    createdAtMs,
    ...told,
  ];
}

function hostOf(row: HostRow): Host {
  return {
    hostId: row.host_id,
    name: row.name,
    title: row.title,
    visibility: row.visibility,
    streamKeyHash: row.stream_key_hash,
    streamKeyVersion: row.stream_key_version,
    sessionCount: row.session_count,
    createdAtMs: row.created_at_ms,
    media: { record: row.record, forwardUrls: row.forward_urls, sourceUrl: row.source_url },
    areaId: row.area_id,
    announcement: row.announcement,
    announcedAtMs: row.announced_at_ms,
    version: row.version,
  };
}
