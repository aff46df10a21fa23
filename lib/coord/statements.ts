import type { Client, Pool } from 'pg';
import { outageMs, ttlMs } from './limits.ts';
import type { LeaseKey, LeaseRow, MemberRow, RecordRow, RecordWrite } from './rows.ts';

/** All reading of clocks is the database's: processes never compare their own. */
export const notifyChannel = 'gala_coord';

type Connection = Pick<Client | Pool, 'query'>;

const ttl = `interval '${ttlMs} milliseconds'`;
const outage = `interval '${outageMs} milliseconds'`;

/** True in one TTL after the engine was away for everybody: the pulse stood still, or has just begun again. */
const grace = `(select grace_until > clock_timestamp() or seen_at < clock_timestamp() - ${outage} from coord_pulse)`;

/**
 * The one statement a second of a process. The pulse is written at most every 400 ms by all together;
 * whoever finds that it stood still opens the grace. Members are inserted again if they were purged.
 */
const beatText = `
with pulse as (
  update coord_pulse set
    grace_until = case when seen_at < clock_timestamp() - ${outage} then clock_timestamp() + ${ttl} else grace_until end,
    seen_at = clock_timestamp()
  where seen_at < clock_timestamp() - interval '400 milliseconds'
), member as (
  insert into coord_member(member_group, id, owner, data, until)
  select m.member_group, m.id, $1, m.data::json, clock_timestamp() + ${ttl}
  from unnest($2::text[], $3::text[], $4::text[]) m(member_group, id, data)
  on conflict (member_group, id) do update set until = excluded.until, owner = excluded.owner, data = excluded.data
)
update coord_lease l set until = clock_timestamp() + ${ttl}
from unnest($5::text[], $6::int[], $7::bigint[]) held(job, partition, fence)
where l.job = held.job and l.partition = held.partition and l.fence = held.fence and l.owner = $1
returning l.job, l.partition, l.fence`;

/** Renews everything that a process holds; what is missing in the answer is lost. */
export async function beat(
  connection: Connection,
  owner: string,
  held: { members: readonly MemberRow[]; leases: readonly LeaseRow[] },
): Promise<LeaseRow[]> {
  const { members, leases } = held;
  const { rows } = await connection.query<LeaseRow>({
    name: 'coord_beat',
    text: beatText,
    values: [
      owner,
      members.map(({ group }) => group),
      members.map(({ id }) => id),
      members.map(({ data }) => data),
      leases.map(({ job }) => job),
      leases.map(({ partition }) => partition),
      leases.map(({ fence }) => fence),
    ],
  });
  return rows;
}

/**
 * The former owner may come back at once, others wait for the TTL and the grace. A claim is flushed to
 * disk before it is answered (the session's renewals are not): a fence must never be given out twice.
 */
const claimText = `
with wanted as (
  select l.job, l.partition from coord_lease l
  join unnest($2::text[], $3::int[]) w(job, partition) on l.job = w.job and l.partition = w.partition
  where l.owner is null or l.owner = $1 or (l.until <= clock_timestamp() and not ${grace})
  order by l.job, l.partition
  for update of l skip locked
)
update coord_lease l set owner = $1, until = clock_timestamp() + ${ttl}, fence = fence + 1
from wanted, set_config('synchronous_commit', 'on', true)
where l.job = wanted.job and l.partition = wanted.partition
returning l.job, l.partition, l.fence`;

/** Takes what is free of the wanted leases, without waiting for those who try the same. */
export async function claim(
  connection: Connection,
  owner: string,
  wanted: readonly LeaseKey[],
): Promise<LeaseRow[]> {
  const values = [owner, wanted.map(({ job }) => job), wanted.map(({ partition }) => partition)];
  const { rows } = await connection.query<LeaseRow>({ name: 'coord_claim', text: claimText, values });
  return rows;
}

/** A lease's row is made when it is first wanted and stays for good, since it carries the fence. */
export async function registerLeases(connection: Connection, keys: readonly LeaseKey[]): Promise<void> {
  const text = `insert into coord_lease(job, partition) select * from unnest($1::text[], $2::int[])
    order by 1, 2 on conflict do nothing`;
  await connection.query(text, [keys.map(({ job }) => job), keys.map(({ partition }) => partition)]);
}

export async function release(connection: Connection, owner: string, lease: LeaseRow): Promise<void> {
  const text = `with freed as (
    update coord_lease set owner = null, until = '-infinity'
    where job = $1 and partition = $2 and fence = $3 and owner = $4 returning 1
  ) select pg_notify('${notifyChannel}', '') from freed`;
  await connection.query(text, [lease.job, lease.partition, lease.fence, owner]);
}

export async function putMember(connection: Connection, owner: string, member: MemberRow): Promise<void> {
  const text = `with put as (
    insert into coord_member(member_group, id, owner, data, until)
    values ($1, $2, $3, $4, clock_timestamp() + ${ttl})
    on conflict (member_group, id) do update set until = excluded.until, owner = excluded.owner, data = excluded.data
    returning 1
  ) select pg_notify('${notifyChannel}', '') from put`;
  await connection.query(text, [member.group, member.id, owner, member.data]);
}

export async function removeMember(connection: Connection, owner: string, member: MemberRow): Promise<void> {
  const text = `with gone as (
    delete from coord_member where member_group = $1 and id = $2 and owner = $3 returning 1
  ) select pg_notify('${notifyChannel}', '') from gone`;
  await connection.query(text, [member.group, member.id, owner]);
}

/** Rows of the long dead; nobody sees them any more. */
export async function purgeMembers(connection: Connection): Promise<void> {
  await connection.query(
    `delete from coord_member where until < clock_timestamp() - interval '1 minute' and not ${grace}`,
  );
}

export async function readMembers(connection: Connection, groups: readonly string[]): Promise<MemberRow[]> {
  const { rows } = await connection.query<MemberRow>({
    name: 'coord_members',
    text: `select member_group as "group", id, data::text from coord_member
      where member_group = any($1) and (until > clock_timestamp() or ${grace}) order by member_group, id`,
    values: [groups],
  });
  return rows;
}

export async function readRecord(connection: Connection, key: string): Promise<RecordRow | undefined> {
  const [row] = await readRecords(connection, new Map([[key, 0]]));
  return row;
}

/** Those records whose version is not the known one: unchanged values are not sent again. */
export async function readRecords(
  connection: Connection,
  known: ReadonlyMap<string, number>,
): Promise<RecordRow[]> {
  const { rows } = await connection.query<RecordRow>({
    name: 'coord_records',
    text: `select r.key, r.version, r.value from unnest($1::text[], $2::bigint[]) k(key, version)
      join coord_record r on r.key = k.key and r.version <> k.version`,
    values: [[...known.keys()], [...known.values()]],
  });
  return rows;
}

const casText = `
with changed as (
  update coord_record set version = version + 1, value = $3::json where key = $1 and version = $2 returning version
), made as (
  insert into coord_record(key, version, value) select $1, 1, $3::json where $2 = 0
  on conflict (key) do nothing returning version
)
select version, pg_notify('${notifyChannel}', '') from (select version from changed union all select version from made) w`;

/** The new version, or undefined when `expected` is not the version that is there. */
export async function casRecord(connection: Connection, write: RecordWrite): Promise<number | undefined> {
  const values = [write.key, write.expected, write.json];
  const { rows } = await connection.query<{ version: number }>({ name: 'coord_cas', text: casText, values });
  return rows[0]?.version;
}
