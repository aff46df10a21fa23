import type { Pool, QueryConfig } from 'pg';
import { readBinaryRows, type Database } from '../sql/index.ts';
import type { GroupClaim, PartitionWrite } from './engine.ts';
import { decodeEntries, encodeEntries } from './framing.ts';
import { batchBytesMax, flushRecordsMax } from './limits.ts';
import type { LogRecord, Origin, Position } from './types.ts';

export const notifyChannel = 'gala_eventlog';

/** An append or commit that is not answered by then is sent again, on another connection. */
const answerWithinMs = 2500;
/** Rows that one reading looks at in each partition; most are much smaller than what bounds the bytes. */
const rowsMax = 256;

/** A record that is acknowledged survives a crash, whatever the database does with other transactions. */
const durable = `set_config('synchronous_commit',
  case current_setting('synchronous_commit') when 'off' then 'on' else current_setting('synchronous_commit') end, true)`;

/** One row for each write. The order of locking is that of the partitions, so no two appends wait for each other. */
function appendText(topic: number): string {
  return `
with input as materialized (
  select * from unnest($3::int[], $4::int[], $5::bigint[], $6::int[], $7::int[])
    i(partition, records, first_sequence, begins, bytes)
), fresh as (
  insert into eventlog_producer as known (topic, partition, producer, sequence, seen_at)
  select ${topic}, partition, $1, first_sequence + records - 1, clock_timestamp() from input order by partition
  on conflict (topic, partition, producer) do update set sequence = excluded.sequence, seen_at = excluded.seen_at
  where known.sequence < excluded.sequence
  returning partition
), locked as (
  select p.partition from eventlog_partition p join fresh using (partition)
  where p.topic = ${topic} order by p.partition for update of p
), moved as (
  update eventlog_partition p set head = p.head + i.records
  from locked join input i using (partition), ${durable}
  where p.topic = ${topic} and p.partition = locked.partition
  returning p.partition, p.head
)
insert into eventlog_${topic}(partition, last_offset, records, producer, first_sequence, written_at, body)
select partition, m.head - 1, i.records, $1, i.first_sequence, clock_timestamp(), substring($2::bytea from i.begins for i.bytes)
from moved m join input i using (partition)`;
}

/**
 * Appends what is not there already: a write that comes again has the sequence that its producer's row has by then.
 * That row is locked first, so a repetition waits for the end of what it repeats.
 */
export async function append(
  pool: Pool,
  topic: number,
  { producer, writes }: { producer: string; writes: readonly PartitionWrite[] },
): Promise<void> {
  const { bytes, lengths } = encodeEntries(writes.map(({ entries }) => entries));
  // `substring` counts from 1.
  let next = 1;
  const begins = lengths.map((length) => (next += length) - length);
  await pool.query({
    name: `eventlog_append_${topic}`,
    text: appendText(topic),
    values: [
      producer,
      bytes,
      writes.map(({ partition }) => partition),
      writes.map(({ entries }) => entries.length),
      writes.map(({ firstSequence }) => firstSequence),
      begins,
      lengths,
    ],
    query_timeout: answerWithinMs,
  } as QueryConfig);
}

export interface PartitionState {
  readonly partition: number;
  /** Offset of the next record. */
  readonly head: number;
  /** First offset that is kept. */
  readonly start: number;
}

export async function readPartitions(pool: Pool, topic: number): Promise<PartitionState[]> {
  const { rows } = await pool.query<PartitionState>({
    name: 'eventlog_partitions',
    text: 'select partition, head, start from eventlog_partition where topic = $1 order by partition',
    values: [topic],
    query_timeout: answerWithinMs,
  } as QueryConfig);
  return rows;
}

/** What is at a position. */
export interface Reading extends Position {
  /** Of the record that stands before it; undefined where that is no longer kept. */
  readonly before: Origin | undefined;
  readonly records: readonly LogRecord[];
}

/**
 * Records from each position on, about `batchBytesMax` of each partition, and at least one row. The row before a
 * position comes without its body.
 */
export async function readRecords(
  database: Database,
  topic: number,
  positions: readonly Position[],
): Promise<Reading[]> {
  const found = await readRows(database, recordsText(topic, positions));
  const byPartition = Map.groupBy(found, ({ partition }) => partition);
  return positions.map((position) => toReading(position, byPartition.get(position.partition) ?? []));
}

/** Of the record before each position, where it is kept. */
export async function readBefore(
  database: Database,
  topic: number,
  positions: readonly Position[],
): Promise<Position[]> {
  const found = await readRows(database, recordsText(topic, positions, 1));
  return positions.map((position) => {
    const row = found.find(({ partition }) => partition === position.partition);
    return { ...position, after: row && originBefore(position, row) };
  });
}

function recordsText(topic: number, positions: readonly Position[], limit = rowsMax): string {
  const wanted = positions.map(({ partition, offset }) => `(${partition}, ${offset}::bigint)`).join(', ');
  return `copy (
    select b.partition, b.last_offset, b.records, b.producer, b.first_sequence, b.written_at_ms, b.body
    from (values ${wanted}) w(partition, position), lateral (
      select *, sum(octet_length(body)) over (order by last_offset) - octet_length(body) as bytes_before
      from (
        select partition, last_offset, records, producer, first_sequence,
          (extract(epoch from written_at) * 1000)::bigint as written_at_ms,
          case when last_offset < w.position then '' else body end as body
        from eventlog_${topic} where partition = w.partition and last_offset >= w.position - 1
        order by last_offset limit ${limit}
      ) r
    ) b where b.bytes_before < ${batchBytesMax} order by 1, 2
  ) to stdout (format binary)`;
}

/** What one process wrote to one partition in one commit. */
interface Row {
  readonly partition: number;
  readonly firstOffset: number;
  readonly producer: string;
  readonly firstSequence: number;
  readonly writtenAtMs: number;
  /** Empty for the row before a position. */
  readonly body: Buffer;
}

async function readRows(database: Database, text: string): Promise<Row[]> {
  const rows = await readBinaryRows(database, text);
  const found: Row[] = [];
  while (rows.next()) {
    const partition = rows.int4();
    const lastOffset = rows.int8();
    const count = rows.int4();
    found.push({
      partition,
      firstOffset: lastOffset - count + 1,
      producer: rows.text(),
      firstSequence: rows.int8(),
      writtenAtMs: rows.int8(),
      // A copy of its own, so that a record that is kept keeps its row alive and not all that was read with it.
      body: Buffer.from(rows.bytes()),
    });
  }
  return found;
}

function toReading(position: Position, rows: readonly Row[]): Reading {
  const records: LogRecord[] = [];
  for (const { partition, firstOffset, producer, firstSequence, writtenAtMs, body } of rows) {
    for (const [index, { key, value }] of decodeEntries(body).entries()) {
      const offset = firstOffset + index;
      if (offset < position.offset) continue;
      records.push({ partition, offset, key, value, writtenAtMs, producer, sequence: firstSequence + index });
    }
  }
  const before = rows.length > 0 ? originBefore(position, rows[0]) : undefined;
  return { ...position, before, records };
}

/** The first row that ends at the position or after it has what stands before it, unless that is gone. */
function originBefore(
  { offset }: Position,
  { firstOffset, producer, firstSequence, writtenAtMs }: Row,
): Origin | undefined {
  if (firstOffset >= offset) return undefined;
  return { producer, sequence: firstSequence + offset - 1 - firstOffset, writtenAtMs };
}

/**
 * Where the group goes on; a claim with a newer fence shuts out the older ones. A commit beyond the end is of a log
 * that is there no more: the group begins again with what there is.
 */
export async function claim(
  pool: Pool,
  topic: number,
  { group, partition, fence }: GroupClaim,
): Promise<number> {
  const { rows } = await pool.query<{ committed: number }>({
    name: 'eventlog_claim',
    text: `insert into eventlog_group as known (topic, partition, member_group, fence) values ($1, $2, $3, $4)
      on conflict (topic, partition, member_group) do update set fence = greatest(known.fence, excluded.fence),
        committed = (select case when known.committed > p.head then p.start else known.committed end
          from eventlog_partition p where p.topic = $1 and p.partition = $2)
      returning committed`,
    values: [topic, partition, group, fence],
  });
  return rows[0].committed;
}

/**
 * A commit that is lost with the machine makes records come again, which they may: it does not wait for the disk.
 * Refused when the record before the position is another one than that which was read, and not just gone by age.
 */
export async function commit(
  pool: Pool,
  topic: number,
  { group, partition, fence, offset, after }: GroupClaim & Position,
): Promise<boolean> {
  const { rowCount } = await pool.query({
    name: `eventlog_commit_${topic}`,
    text: `update eventlog_group g set committed = greatest(g.committed, $5)
      from set_config('synchronous_commit', 'off', true)
      where g.topic = $1 and g.partition = $2 and g.member_group = $3 and g.fence = $4 and ($6::text is null
        or exists (select from eventlog_${topic} r
          where r.partition = $2 and r.last_offset >= $5 - 1 and r.last_offset < $5 + ${flushRecordsMax}
            and r.producer = $6 and r.first_sequence + ($5 - 1 - (r.last_offset - r.records + 1)) = $7
            and r.written_at >= to_timestamp(($8::bigint - 1) / 1000.0)
            and r.written_at < to_timestamp(($8::bigint + 1) / 1000.0))
        or exists (select from eventlog_partition p where p.topic = $1 and p.partition = $2 and p.start >= $5))`,
    values: [
      topic,
      partition,
      group,
      fence,
      offset,
      after?.producer ?? null,
      after?.sequence ?? null,
      after?.writtenAtMs ?? null,
    ],
    query_timeout: answerWithinMs,
  } as QueryConfig);
  return rowCount === 1;
}

/** A transaction of its own: one that writes would hold the lock of the queue until it is on the disk. */
export async function notify(pool: Pool, topics: readonly number[]): Promise<void> {
  await pool.query({
    name: 'eventlog_notify',
    text: `select pg_notify('${notifyChannel}', $1)`,
    values: [topics.join(',')],
  });
}
