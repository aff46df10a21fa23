import type { Database } from '@gala/lib/sql';
import { programmesMax, reservationsMax, type ProgrammeDraft } from '@gala/protocol/programme';
import type { Programme } from '../programmes/programme.ts';

const stripeCount = 16;

interface ProgrammeRow {
  programme_id: number;
  name: string;
  state: Programme['state'];
  title_en: string;
  title_zh: string;
  text: string;
  starts_at_ms: number;
  ends_at_ms: number;
  angles: ProgrammeDraft['angles'];
  steward_ids: number[];
  version: number;
  reservations: number;
}

const selected = `
  select programme.*, coalesce(
    (select sum(reserved)::bigint from room_programme_count counted
     where counted.programme_id = programme.programme_id), 0) as reservations
  from room_programme programme`;

type Pool = Database['pool'];

/** Those that are planned, the soonest first. */
export async function listPlanned(pool: Pool): Promise<Programme[]> {
  const { rows } = await pool.query<ProgrammeRow>({
    name: 'programme-list-planned',
    text: `${selected} where state = 'planned' order by starts_at_ms, programme_id`,
  });
  return rows.map(programmeOf);
}

export async function findProgramme(pool: Pool, name: string): Promise<Programme | undefined> {
  const { rows } = await pool.query<ProgrammeRow>({
    name: 'programme-find',
    text: `${selected} where name = $1`,
    values: [name],
  });
  return rows.map(programmeOf).at(0);
}

export interface SavedDraft {
  readonly name: string;
  readonly draft: ProgrammeDraft;
  readonly nowMs: number;
}

/** `exists` when the name is taken, `full` when there are as many as there may be. */
export async function insertProgramme(
  pool: Pool,
  { name, draft, nowMs }: SavedDraft,
): Promise<'made' | 'exists' | 'full'> {
  const { rows } = await pool.query<{ made: number; is_taken: boolean }>({
    name: 'programme-insert',
    text: `
      with made as (
        insert into room_programme (name, state, title_en, title_zh, text, starts_at_ms, ends_at_ms, angles,
          steward_ids, changed_at_ms, version, has_reservations)
        select $1, 'planned', $2, $3, $4, $5, $6, $7, $8, $9, 1, false
        where (select count(*) from room_programme where state = 'planned') < ${programmesMax}
        on conflict (name) do nothing
        returning 1
      )
      select (select count(*) from made)::integer as made,
        exists (select 1 from room_programme where name = $1) as is_taken`,
    values: [name, ...columnsOf(draft), nowMs],
  });
  if (rows[0].made > 0) return 'made';
  return rows[0].is_taken ? 'exists' : 'full';
}

/** False when it is not planned any more or has another version. */
export async function updateProgramme(
  pool: Pool,
  { name, draft, nowMs, version }: SavedDraft & { readonly version: number },
): Promise<boolean> {
  const { rowCount } = await pool.query({
    name: 'programme-update',
    text: `
      update room_programme set title_en = $2, title_zh = $3, text = $4, starts_at_ms = $5, ends_at_ms = $6,
        angles = $7, steward_ids = $8, changed_at_ms = $9, version = version + 1
      where name = $1 and version = $10 and state = 'planned'`,
    values: [name, ...columnsOf(draft), nowMs, version],
  });
  return rowCount === 1;
}

/** False when it is not planned any more. */
export async function cancelProgramme(pool: Pool, name: string, nowMs: number): Promise<boolean> {
  const { rowCount } = await pool.query({
    name: 'programme-cancel',
    text: `
      update room_programme set state = 'cancelled', changed_at_ms = $2, version = version + 1
      where name = $1 and state = 'planned'`,
    values: [name, nowMs],
  });
  return rowCount === 1;
}

/** Names of those whose end has come. */
export async function closeEnded(pool: Pool, nowMs: number): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>({
    name: 'programme-close',
    text: `
      update room_programme set state = 'over', changed_at_ms = $1, version = version + 1
      where state = 'planned' and ends_at_ms <= $1
      returning name`,
    values: [nowMs],
  });
  return rows.map(({ name }) => name);
}

export interface AskedReservation {
  readonly programmeId: number;
  /** A hash of who reserves. */
  readonly holder: Buffer;
}

/** In one statement with the counter; a second time changes nothing. `full` is exact up to those who ask at once. */
export async function insertReservation(
  pool: Pool,
  { programmeId, holder }: AskedReservation,
): Promise<'kept' | 'full'> {
  const { rows } = await pool.query<{ is_kept: boolean }>({
    name: 'programme-reserve',
    text: `
      with free as (
        select 1 where coalesce((select reserved from room_programme_count
          where programme_id = $1 and stripe = $3), 0) < ${reservationsMax / stripeCount}
      ), made as (
        insert into room_programme_reservation (programme_id, holder) select $1, $2 from free
        on conflict do nothing returning programme_id
      ), counted as (
        insert into room_programme_count as count (programme_id, stripe, reserved) select $1, $3, 1 from made
        on conflict (programme_id, stripe) do update set reserved = count.reserved + 1
      ), marked as (
        update room_programme set has_reservations = true
        where programme_id in (select programme_id from made) and not has_reservations
      )
      select exists (select 1 from made) or exists (
        select 1 from room_programme_reservation where programme_id = $1 and holder = $2) as is_kept`,
    values: [programmeId, holder, holder[0] % stripeCount],
  });
  if (rows[0].is_kept) return 'kept';
  // Another one of the same holder at the same moment is not in this statement's snapshot.
  return (await hasReservation(pool, { programmeId, holder })) ? 'kept' : 'full';
}

export async function deleteReservation(
  pool: Pool,
  { programmeId, holder }: AskedReservation,
): Promise<void> {
  await pool.query({
    name: 'programme-unreserve',
    text: `
      with gone as (
        delete from room_programme_reservation where programme_id = $1 and holder = $2 returning programme_id
      )
      update room_programme_count set reserved = reserved - 1
      where programme_id in (select programme_id from gone) and stripe = $3`,
    values: [programmeId, holder, holder[0] % stripeCount],
  });
}

export async function hasReservation(
  pool: Pool,
  { programmeId, holder }: AskedReservation,
): Promise<boolean> {
  const { rowCount } = await pool.query({
    name: 'programme-reserved',
    text: 'select 1 from room_programme_reservation where programme_id = $1 and holder = $2',
    values: [programmeId, holder],
  });
  return rowCount === 1;
}

/** Forgets at most `rowsMax` of those who reserved what was closed before then; the counts stay. */
export async function forgetReservations(pool: Pool, beforeMs: number, rowsMax: number): Promise<void> {
  const { rows } = await pool.query<{ programme_id: number }>({
    name: 'programme-to-tidy',
    text: `
      select programme_id from room_programme
      where state <> 'planned' and has_reservations and changed_at_ms < $1
      order by changed_at_ms limit 1`,
    values: [beforeMs],
  });
  const programmeId = rows.at(0)?.programme_id;
  if (programmeId === undefined) return;
  const { rowCount } = await pool.query({
    name: 'programme-forget-reservations',
    text: `
      delete from room_programme_reservation where programme_id = $1 and holder in (
        select holder from room_programme_reservation where programme_id = $1 limit $2)`,
    values: [programmeId, rowsMax],
  });
  if (rowCount !== null && rowCount >= rowsMax) return;
  await pool.query({
    name: 'programme-tidied',
    text: 'update room_programme set has_reservations = false where programme_id = $1',
    values: [programmeId],
  });
}

function columnsOf({ titles, text, startsAtMs, endsAtMs, angles, stewardIds }: ProgrammeDraft) {
  const lists = [angles, stewardIds].map((list) => JSON.stringify(list));
  return [titles.en, titles.zh, text, startsAtMs, endsAtMs, ...lists];
}

function programmeOf(row: ProgrammeRow): Programme {
  return {
    programmeId: row.programme_id,
    name: row.name,
    state: row.state,
    version: row.version,
    reservations: row.reservations,
    draft: {
      titles: { en: row.title_en, zh: row.title_zh },
      text: row.text,
      startsAtMs: row.starts_at_ms,
      endsAtMs: row.ends_at_ms,
      angles: row.angles,
      stewardIds: row.steward_ids,
    },
  };
}
