import type { Room } from '../room.ts';
import type { Connection } from './connection.ts';
import { roomColumns, roomOf, roomTables, type RoomRow } from './rooms.ts';

const weekMs = 7 * 86_400_000;
/** Statements on rooms wait no longer than this for a week to be taken away, whoever else holds it up. */
const lockMsMax = 200;

/** Weeks count from 1970; 0 is for what is in no archive yet. */
export function weekOf(ms: number): number {
  return Math.floor(ms / weekMs) + 1;
}

/** When a week is over. */
export function endOfWeekMs(week: number): number {
  return week * weekMs;
}

export async function listWeeks(db: Connection): Promise<number[]> {
  const { rows } = await db.query<{ week: number }>(
    `select substring(child.relname from '^room_week_(\\d+)$')::int as week
     from pg_inherits join pg_class child on child.oid = inhrelid
     where inhparent = 'room'::regclass and child.relname ~ '^room_week_\\d+$' order by week`,
  );
  return rows.map(({ week }) => week);
}

/** Attaching holds up nobody; making a partition in place would lock the whole table. */
export async function makeWeek(client: Connection, week: number): Promise<void> {
  const name = nameOf(week);
  await client.query(`create table ${name} (like room including defaults including constraints,
    constraint has_ended check (state = 'ended'), constraint is_week check (archived_week = ${week}));
    alter table room attach partition ${name} for values in (${week})`);
}

/** Rooms of a week in the order of their keys, after one of them. */
export async function listOfWeek(
  db: Connection,
  week: number,
  { after, limit }: { readonly after: readonly [shard: number, roomId: number]; readonly limit: number },
): Promise<Room[]> {
  const { rows } = await db.query<RoomRow>({
    text: `select ${roomColumns} from ${roomTables}
           where room.archived_week = $1 and (room.shard, room.room_id) > ($2, $3)
           order by room.shard, room.room_id limit $4`,
    values: [week, ...after, limit],
  });
  return rows.map(roomOf);
}

/**
 * Takes a week away with all its rows. Answers false, with nothing done, when a shard is arriving, which may bring
 * rows of that week, or the week has more rooms than `rooms`. Errors: 55P03 when it is in use.
 */
export async function dropWeek(client: Connection, week: number, rooms: number): Promise<boolean> {
  const name = nameOf(week);
  await client.query(`set local lock_timeout = ${lockMsMax}; lock table shard_arrival in share mode`);
  const { rows: arrivals } = await client.query('select from shard_arrival limit 1');
  if (arrivals.length > 0) return false;
  const { rows } = await client.query<{ count: number }>(`select count(*)::int as count from ${name}`);
  if (rows[0].count !== rooms) return false;
  await client.query(`drop table ${name}`);
  return true;
}

function nameOf(week: number): string {
  return `room_week_${week}`;
}
