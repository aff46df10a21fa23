import type { MigrationSet } from '@gala/lib/sql';
import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * `archived_week` is 0 until the room is in an archive, then the week in which that was confirmed: rooms that are on
 * air, scheduled or not yet archived stay among themselves in `room_current`, whatever has been archived goes with its
 * week, whole. A room that has ended is final; who reads the archive relies on it.
 */
export const weeksMigration: Migration = {
  async up(db: Kysely<unknown>) {
    // The feed names its columns, and one more is in the key from here on: its reader puts the table back.
    await sql`do $$ begin
      if exists (select from pg_publication_tables
                 where pubname = 'gala_changes' and schemaname = 'public' and tablename = 'room') then
        alter publication gala_changes drop table room;
      end if;
    end $$`.execute(db);
    await sql`
      alter table room add column archived_week smallint not null default 0, drop constraint room_pkey`.execute(
      db,
    );
    await sql`alter table room rename to room_current`.execute(db);
    await sql`
      create table room (like room_current including defaults including constraints)
      partition by list (archived_week)`.execute(db);
    await sql`alter table room add primary key (shard, room_id, archived_week)`.execute(db);
    await sql`
      alter table room_current
        add primary key (shard, room_id, archived_week), add constraint is_current check (archived_week = 0)`.execute(
      db,
    );
    await sql`alter table room attach partition room_current for values in (0)`.execute(db);
    await sql`create index room_gap on room_current (ended_at_ms) where state = 'ended'`.execute(db);
    await sql`
      create function room_changed() returns trigger language plpgsql as $$
      begin
        if old.state = 'ended' then raise exception 'room % has ended', old.room_id; end if;
        new.version := greatest(new.version, old.version + 1);
        return new;
      end $$`.execute(db);
    await sql`drop trigger room_version on room_current`.execute(db);
    await sql`
      create trigger room_version before update on room_current
      for each row when (old.archived_week = new.archived_week and old.* is distinct from new.*)
      execute function room_changed()`.execute(db);
  },
};

/** Rooms as they ended. Nothing here is ever changed or removed; the database says so itself. */
export const archiveMigrations: MigrationSet = {
  name: 'room',
  kind: 'archive',
  migrations: {
    '0001_archived_rooms': {
      async up(db) {
        await sql`
          create table archived_room (
            room_id bigint primary key,
            host_id bigint not null,
            host_name text not null,
            title text not null,
            visibility text not null,
            state text not null check (state = 'ended'),
            epoch bigint not null,
            edge_id text not null,
            created_at_ms bigint not null,
            started_at_ms bigint not null,
            key_frame_at_ms bigint not null,
            held_at_ms bigint not null,
            ended_at_ms bigint not null,
            changed_at_ms bigint not null,
            end_reason text not null,
            viewers integer not null,
            report_sequence bigint not null,
            video_codec text not null,
            audio_codec text not null,
            renditions text not null,
            version bigint not null,
            archived_at timestamptz not null default now()
          )`.execute(db);
        await sql`
          create function archive_is_final() returns trigger language plpgsql as $$
          begin
            raise exception 'an archive is only added to';
          end $$`.execute(db);
        await sql`
          create trigger archived_room_is_final before update or delete or truncate on archived_room
          for each statement execute function archive_is_final()`.execute(db);
      },
    },
    '0002_areas_and_schedule': {
      async up(db) {
        await sql`
          alter table archived_room
            add column area_id text not null default '',
            add column starts_at_ms bigint not null default 0`.execute(db);
      },
    },
  },
};
