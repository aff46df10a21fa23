import type { MigrationSet } from '@gala/lib/sql';
import { sql } from 'kysely';

/** Programmes have hosts of any shard, so they lie in the core database; who reserved is known by a hash alone. */
export const programmeMigrations: MigrationSet = {
  name: 'room_core',
  kind: 'core',
  migrations: {
    '0001_programmes': {
      async up(db) {
        await sql`
          create table room_programme (
            programme_id bigint generated always as identity primary key,
            name text not null unique,
            state text not null check (state in ('planned', 'over', 'cancelled')),
            title_en text not null,
            title_zh text not null,
            text text not null,
            starts_at_ms bigint not null,
            ends_at_ms bigint not null,
            angles jsonb not null,
            steward_ids jsonb not null,
            version integer not null,
            changed_at_ms bigint not null,
            has_reservations boolean not null
          )`.execute(db);
        await sql`create index room_programme_planned on room_programme (starts_at_ms) where state = 'planned'`.execute(
          db,
        );
        await sql`
          create index room_programme_to_tidy on room_programme (changed_at_ms)
          where state <> 'planned' and has_reservations`.execute(db);
        await sql`
          create table room_programme_reservation (
            programme_id bigint not null references room_programme,
            holder bytea not null,
            primary key (programme_id, holder)
          )`.execute(db);
        // In stripes, so that those who reserve at once do not wait for one row.
        await sql`
          create table room_programme_count (
            programme_id bigint not null references room_programme,
            stripe smallint not null,
            reserved bigint not null,
            primary key (programme_id, stripe)
          ) with (fillfactor = 70)`.execute(db);
      },
    },
  },
};
