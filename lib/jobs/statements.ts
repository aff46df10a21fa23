import type { ClientBase, Pool } from 'pg';
import { linesMax, pageMax, trimmedAtOnceMax, ttlMs } from './limits.ts';
import type { JobLine, JobRecord, JobRequest, ListJobs } from './types.ts';

/** All reading of clocks is the database's: processes never compare their own. */
type Connection = Pick<ClientBase | Pool, 'query'>;

const ttl = `interval '${ttlMs} milliseconds'`;
const isOpen = `state in ('waiting', 'running')`;
const msOf = (column: string, name: string): string =>
  `extract(epoch from ${column})::float8 * 1000 as "${name}"`;

const record = `id, kind, key, payload, state, attempts, failures, ${msOf('not_before', 'notBeforeMs')},
  progress, progress_text as "progressText", fence, owner, result, error_code as "errorCode",
  error_message as "errorMessage", ${msOf('created_at', 'createdMs')}, ${msOf('started_at', 'startedMs')},
  ${msOf('finished_at', 'finishedMs')}, plan, ${msOf('due_at', 'dueMs')}, asked_by as "askedBy",
  cancelled_by as "cancelledBy"`;

export interface EnqueueAnswer {
  readonly id: number | null;
  readonly isNew: boolean;
  readonly isFull: boolean;
}

/** Writers at the same moment count alike, so the bound may be passed by as many as there are of them. */
const enqueueText = `
with open_job as (
  select id from job where kind = $1 and key = $2 and ${isOpen}
), waiting as (
  select count(*) >= $5 as is_full from (
    select 1 from job where kind = $1 and ${isOpen} and state = 'waiting' limit $5
  ) few
), made as (
  insert into job(kind, key, payload, not_before)
  select $1, $2, $3::jsonb, clock_timestamp() + $4 * interval '1 millisecond' from waiting
  where not is_full and not exists (select 1 from open_job)
  on conflict (kind, key) where ${isOpen} do nothing returning id
)
select coalesce((select id from made), (select id from open_job)) as id,
  exists (select 1 from made) as "isNew", (select is_full from waiting) as "isFull"`;

export async function enqueueJob(
  connection: Connection,
  request: JobRequest & { readonly json: string; readonly waitingMax: number },
): Promise<EnqueueAnswer> {
  const { kind, key, json, delayMs = 0, waitingMax } = request;
  const values = [kind, key, json, delayMs, waitingMax];
  const { rows } = await connection.query<EnqueueAnswer>({ name: 'job_enqueue', text: enqueueText, values });
  return rows[0];
}

export interface ClaimedJob {
  readonly id: number;
  readonly kind: string;
  readonly key: string;
  readonly payload: unknown;
  readonly attempts: number;
  readonly failures: number;
  readonly fence: number;
  /** Of this run, where it is not the handler's. */
  readonly retriesMax: number | null;
  readonly timeLimitMs: number | null;
  readonly isCancelled: boolean;
}

/** What is due, and with `$4` what the dead have left; nobody waits for a row that another is taking. */
const claimText = `
with wanted as (
  select due.id from unnest($2::text[], $3::int[]) slot(kind, free)
  cross join lateral (
    select id from job where kind = slot.kind and ${isOpen} and (
      (state = 'waiting' and not_before <= clock_timestamp()) or
      (state = 'running' and until <= clock_timestamp() and $4)
    ) order by not_before, id limit slot.free for update skip locked
  ) due
)
update job set state = 'running', owner = $1, until = clock_timestamp() + ${ttl}, fence = nextval('job_fence'),
  attempts = attempts + 1, started_at = clock_timestamp(), progress = 0, progress_text = ''
from wanted where job.id = wanted.id
returning job.id, kind, key, payload, attempts, failures, fence, retries_max as "retriesMax",
  time_limit_ms as "timeLimitMs", cancelled_by is not null as "isCancelled"`;

export interface Claim {
  readonly owner: string;
  readonly slots: ReadonlyMap<string, number>;
  readonly isTakeover: boolean;
}

export async function claimJobs(connection: Connection, claim: Claim): Promise<ClaimedJob[]> {
  const values = [claim.owner, [...claim.slots.keys()], [...claim.slots.values()], claim.isTakeover];
  const { rows } = await connection.query<ClaimedJob>({ name: 'job_claim', text: claimText, values });
  return rows;
}

export interface HeldJob {
  readonly id: number;
  readonly fence: number;
  readonly share: number;
  readonly text: string;
}

const beatText = `
update job set until = clock_timestamp() + ${ttl}, progress = held.share, progress_text = held.note
from unnest($2::bigint[], $3::bigint[], $4::real[], $5::text[]) held(id, fence, share, note)
where job.id = held.id and job.fence = held.fence and job.owner = $1 and job.state = 'running'
returning job.id, job.cancelled_by is not null as "isCancelled"`;

/** Renews all jobs of a process and shows their progress, in one statement; ids that are missing are lost. */
export async function beatJobs(
  connection: Connection,
  owner: string,
  held: readonly HeldJob[],
): Promise<Map<number, { readonly isCancelled: boolean }>> {
  const values = [
    owner,
    held.map(({ id }) => id),
    held.map(({ fence }) => fence),
    held.map(({ share }) => share),
    held.map(({ text }) => text),
  ];
  const { rows } = await connection.query<{ id: number; isCancelled: boolean }>({
    name: 'job_beat',
    text: beatText,
    values,
  });
  return new Map(rows.map((row) => [row.id, row]));
}

export interface FencedJob {
  readonly id: number;
  readonly fence: number;
}

const mine = `where id = $1 and fence = $2 and state = 'running' returning id`;
const free = `owner = null, until = '-infinity'`;

/** Each answers false when the job was no longer its worker's, and has changed nothing then. */
export async function finishJob(connection: Connection, job: FencedJob, result: string): Promise<boolean> {
  const text = `update job set state = 'done', result = $3::jsonb, progress = 1, error_code = null,
    error_message = null, finished_at = clock_timestamp(), ${free} ${mine}`;
  return wasMine(connection, text, [job.id, job.fence, result]);
}

export interface Failure {
  readonly code: string;
  readonly message: string;
  /** Undefined: it is not tried again. */
  readonly retryInMs: number | undefined;
}

export async function failJob(connection: Connection, job: FencedJob, failure: Failure): Promise<boolean> {
  const { code, message, retryInMs } = failure;
  const values = [job.id, job.fence, code, message];
  const failed = `update job set failures = failures + 1, error_code = $3, error_message = $4, ${free}`;
  if (retryInMs === undefined) {
    const ended = `state = 'failed', finished_at = clock_timestamp()`;
    return wasMine(connection, `${failed}, ${ended} ${mine}`, values);
  }
  const later = `state = 'waiting', not_before = clock_timestamp() + $5 * interval '1 millisecond'`;
  return wasMine(connection, `${failed}, ${later} ${mine}`, [...values, retryInMs]);
}

/** Back to the others at once, as if it had not been taken. */
export async function releaseJob(connection: Connection, job: FencedJob): Promise<boolean> {
  const text = `update job set state = 'waiting', attempts = attempts - 1, ${free} ${mine}`;
  return wasMine(connection, text, [job.id, job.fence]);
}

async function wasMine(connection: Connection, text: string, values: unknown[]): Promise<boolean> {
  const { rowCount } = await connection.query(text, values);
  return rowCount === 1;
}

/** Forgets ended jobs that are old, or more than `historyMax` of their kind; a bounded number at once. */
export async function trimJobs(
  connection: Connection,
  kinds: readonly string[],
  { historyMax, historyMsMax }: { historyMax: number; historyMsMax: number },
): Promise<number> {
  const text = `delete from job where id in (
    select ended.id from unnest($1::text[]) of_kind(kind) cross join lateral (
      select id, finished_at, row_number() over (order by finished_at desc) as place
      from job where kind = of_kind.kind and state in ('done', 'failed')
    ) ended where place > $2 or finished_at < clock_timestamp() - $3 * interval '1 millisecond'
    limit ${trimmedAtOnceMax})`;
  const { rowCount } = await connection.query(text, [kinds, historyMax, historyMsMax]);
  return rowCount ?? 0;
}

export async function findJob(
  connection: Connection,
  kind: string,
  key: string,
): Promise<JobRecord | undefined> {
  const text = `select ${record} from job where kind = $1 and key = $2 order by id desc limit 1`;
  const { rows } = await connection.query<JobRecord>(text, [kind, key]);
  return rows[0];
}

export async function listJobs(connection: Connection, options: ListJobs): Promise<JobRecord[]> {
  const { kind = null, plan = null, state = null, before = null, limit = 100 } = options;
  const text = `select ${record} from job where ($1::text is null or kind = $1) and ($5::text is null or plan = $5)
    and ($2::text is null or state = $2) and ($3::bigint is null or id < $3) order by id desc limit $4`;
  const countMax = Math.min(Math.max(1, limit), pageMax);
  const { rows } = await connection.query<JobRecord>(text, [kind, state, before, countMax, plan]);
  return rows;
}

export async function readJob(connection: Connection, id: number): Promise<JobRecord | undefined> {
  const { rows } = await connection.query<JobRecord>(`select ${record} from job where id = $1`, [id]);
  return rows[0];
}

/** A waiting job ends at once, a running one when its worker is next heard; false when it had ended. */
export async function cancelJob(connection: Connection, id: number, by: string): Promise<boolean> {
  const text = `update job set cancelled_by = $2,
      state = case state when 'waiting' then 'failed' else state end,
      error_code = case state when 'waiting' then 'JOB_CANCELLED' else error_code end,
      finished_at = case state when 'waiting' then clock_timestamp() end
    where id = $1 and ${isOpen}`;
  const { rowCount } = await connection.query(text, [id, by]);
  return rowCount === 1;
}

export interface JobLines extends FencedJob {
  readonly line: number;
  readonly lines: readonly JobLine[];
}

/** Adds lines to the log of a run; not any more when it is another worker's. */
export async function addLines(connection: Connection, { id, fence, line, lines }: JobLines): Promise<void> {
  const text = `insert into job_log(job_id, line, at, text)
    select $1, $3 + place - 1, to_timestamp(at_ms / 1000), said
    from unnest($4::float8[], $5::text[]) with ordinality given(at_ms, said, place)
    where exists (select 1 from job where id = $1 and fence = $2)
    on conflict do nothing`;
  const values = [id, fence, line, lines.map(({ atMs }) => atMs), lines.map((each) => each.text)];
  await connection.query(text, values);
}

export async function readLines(connection: Connection, id: number): Promise<JobLine[]> {
  const text = `select ${msOf('at', 'atMs')}, text from job_log where job_id = $1 order by line limit ${linesMax * 2}`;
  const { rows } = await connection.query<JobLine>(text, [id]);
  return rows;
}
