import type { Pool, PoolClient } from 'pg';
import { CodedError } from '../error/index.ts';
import { eventLogErrors } from './errors.ts';
import { segmentMsOf } from './limits.ts';
import type { Topic } from './types.ts';

/** Producers that are silent for so long write none of their appends again. */
const producerKept = `interval '1 hour'`;
const lockWithin = '1s';
const lockClass = 0x67_6c_6f_67;

/** One partition of the table of a topic, `eventlog_<topic>_<from>_<until>`: what was written in that time. */
interface Segment {
  readonly name: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** The topic's number, after its rows, its table and the segments of now are there. Errors: LOG_TOPIC_DIFFERS. */
export async function ensureTopic(pool: Pool, topic: Topic): Promise<number> {
  const known = await pool.query<{ id: number }>('select id from eventlog_topic where name = $1', [
    topic.name,
  ]);
  const id = known.rows[0]?.id ?? (await createTopic(pool, topic));
  await maintain(pool, id, topic);
  return id;
}

async function createTopic(pool: Pool, { name, partitions, retentionMs }: Topic): Promise<number> {
  return locked(pool, 0, async (client) => {
    const text = `insert into eventlog_topic(name, partitions, retention_ms) values ($1, $2, $3)
      on conflict (name) do update set name = excluded.name returning id`;
    const { rows } = await client.query<{ id: number }>(text, [name, partitions, retentionMs]);
    const [{ id }] = rows;
    await client.query(
      `insert into eventlog_partition(topic, partition) select $1, generate_series(0, $2 - 1) on conflict do nothing`,
      [id, partitions],
    );
    await client.query(`create table if not exists eventlog_${id} (
      partition int not null,
      last_offset bigint not null,
      records int not null,
      producer text not null,
      first_sequence bigint not null,
      written_at timestamptz not null,
      body bytea not null,
      primary key (partition, last_offset, written_at)
    ) partition by range (written_at)`);
    // Compressing costs more than it saves: what is large is compressed by who writes it.
    await client.query(`alter table eventlog_${id} alter column body set storage external`);
    return id;
  });
}

/** Makes the segments of the next time, drops those past retention, forgets producers that are gone. */
export async function maintain(pool: Pool, id: number, topic: Topic): Promise<void> {
  await locked(pool, id, async (client) => {
    await matchDefinition(client, id, topic);
    const { rows } = await client.query<{ now: number }>(
      'select (extract(epoch from clock_timestamp()) * 1000)::bigint as now',
    );
    const segments = await readSegments(client, id);
    await addSegments(client, id, { segments, nowMs: rows[0].now, lengthMs: segmentMsOf(topic) });
    const oldest = segments.filter(({ untilMs }) => untilMs < rows[0].now - topic.retentionMs);
    for (const segment of oldest) await dropSegment(client, id, segment);
    await client.query(
      `delete from eventlog_producer where topic = $1 and seen_at < clock_timestamp() - ${producerKept}`,
      [id],
    );
  });
}

/** The retention may change, the partitions may not. Errors: LOG_TOPIC_DIFFERS. */
async function matchDefinition(client: PoolClient, id: number, topic: Topic): Promise<void> {
  const { name, partitions, retentionMs } = topic;
  const { rows } = await client.query<{ partitions: number; retention: number }>(
    'select partitions, retention_ms as retention from eventlog_topic where id = $1 and name = $2',
    [id, name],
  );
  const known = rows.at(0);
  // A database that was set back to a time before the topic may have another one, or none, under its number.
  if (known?.partitions !== partitions) {
    const detail = `${name} has ${known?.partitions ?? 'no rows'}, not ${partitions}`;
    throw new CodedError(eventLogErrors, 'LOG_TOPIC_DIFFERS', { detail });
  }
  if (known.retention === retentionMs) return;
  await client.query('update eventlog_topic set retention_ms = $2 where id = $1', [id, retentionMs]);
}

async function readSegments(client: PoolClient, id: number): Promise<Segment[]> {
  const { rows } = await client.query<{ name: string }>(
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = $1::regclass`,
    [`eventlog_${id}`],
  );
  const segments = rows.map(({ name }) => {
    const [fromMs, untilMs] = name.split('_').slice(-2).map(Number);
    return { name, fromMs, untilMs };
  });
  return segments.toSorted((one, other) => one.fromMs - other.fromMs);
}

/** This and the next two: an append never waits for its segment, and the clock may be set. */
async function addSegments(
  client: PoolClient,
  id: number,
  { segments, nowMs, lengthMs }: { segments: readonly Segment[]; nowMs: number; lengthMs: number },
): Promise<void> {
  const begin = Math.floor(nowMs / lengthMs) * lengthMs;
  let fromMs = Math.max(begin, segments.at(-1)?.untilMs ?? 0);
  while (fromMs < nowMs + 2 * lengthMs) {
    await addSegment(client, id, { fromMs, untilMs: fromMs + lengthMs });
    fromMs += lengthMs;
  }
}

/** Attaching lets appends go on, which `create table … partition of` does not. */
async function addSegment(client: PoolClient, id: number, span: Omit<Segment, 'name'>): Promise<void> {
  const { fromMs, untilMs } = span;
  const name = `eventlog_${id}_${fromMs}_${untilMs}`;
  await client.query(`create table ${name} (like eventlog_${id} including all)`);
  await client.query(`alter table eventlog_${id} attach partition ${name}
    for values from (to_timestamp(${fromMs / 1000})) to (to_timestamp(${untilMs / 1000}))`);
}

/** The partitions begin after what is dropped with it, in one transaction: a reader sees both or neither. */
async function dropSegment(client: PoolClient, id: number, { name }: Segment): Promise<void> {
  const { rows } = await client.query<{ partition: number; start: number }>(
    `select partition, max(last_offset) + 1 as start from ${name} group by partition order by partition`,
  );
  await client.query(`drop table ${name}`);
  for (const { partition, start } of rows) {
    const text = `update eventlog_partition set start = greatest(start, $3) where topic = $1 and partition = $2`;
    await client.query(text, [id, partition, start]);
  }
}

/** One process at a time for each topic; whoever finds it locked waits for a moment at most. */
async function locked<Result>(
  pool: Pool,
  id: number,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  let broken = true;
  try {
    await client.query(`begin; set local lock_timeout = '${lockWithin}'`);
    await client.query('select pg_advisory_xact_lock($1, $2)', [lockClass, id]);
    const result = await work(client);
    await client.query('commit');
    broken = false;
    return result;
  } catch (error) {
    broken = await client.query('rollback').then(
      () => false,
      () => true,
    );
    throw error;
  } finally {
    client.release(broken);
  }
}
