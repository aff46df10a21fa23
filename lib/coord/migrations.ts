import { sql, type Kysely } from 'kysely';
import type { MigrationSet } from '../sql/index.ts';

/**
 * Tables of the PostgreSQL adapter, in the core database; `coord_record` comes from the set of lib/sql.
 * They are updated every second, so their rows are small and their pages leave room for HOT updates.
 */
export const coordMigrations: MigrationSet = {
  name: 'coord',
  kind: 'core',
  migrations: {
    '0001_coordination': {
      up: async (db: Kysely<unknown>) => {
        await sql`create table coord_member (
          member_group text,
          id text,
          owner text not null,
          data json not null,
          until timestamptz not null,
          primary key (member_group, id)
        ) with (fillfactor = 50)`.execute(db);
        await sql`create table coord_lease (
          job text,
          partition int,
          owner text,
          until timestamptz not null default '-infinity',
          fence bigint not null default 0,
          primary key (job, partition)
        ) with (fillfactor = 50)`.execute(db);
        await sql`create table coord_pulse (
          id boolean primary key default true check (id),
          seen_at timestamptz not null,
          grace_until timestamptz not null
        ) with (fillfactor = 20)`.execute(db);
        await sql`insert into coord_pulse(seen_at, grace_until) values (clock_timestamp(), '-infinity')`.execute(
          db,
        );
      },
    },
  },
};
