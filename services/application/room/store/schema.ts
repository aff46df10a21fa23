import type { MigrationSet } from '@gala/lib/sql';
import { sql } from 'kysely';
import { programmeMigrations } from './programme-schema.ts';
import { archiveMigrations, weeksMigration } from './weeks-schema.ts';

/**
 * A host has at most one room that has not ended: `room_present` makes the database refuse a second. Whatever
 * changes a row gives it the next version, so that copies of it can be told apart. Viewer counts change every second
 * and are no part of the row: they stand apart, unlogged, so that neither the log of the database nor whoever follows
 * its changes ever sees them. After a crash the next heart-beats bring them back.
 */
export const migrations: MigrationSet[] = [
  {
    name: 'room',
    kind: 'shard',
    migrations: {
      '0001_hosts_and_rooms': {
        async up(db) {
          await sql`
            create table room_host (
              shard smallint not null,
              host_id bigint not null,
              name text not null,
              title text not null,
              visibility text not null check (visibility in ('public', 'private')),
              stream_key_hash bytea not null,
              stream_key_version integer not null,
              session_count integer not null,
              created_at_ms bigint not null,
              primary key (shard, host_id)
            )`.execute(db);
          await sql`
            create table room (
              shard smallint not null,
              room_id bigint not null,
              host_id bigint not null,
              title text not null,
              visibility text not null check (visibility in ('public', 'private')),
              state text not null check (state in ('created', 'live', 'hold', 'ended')),
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
              primary key (shard, room_id),
              foreign key (shard, host_id) references room_host (shard, host_id)
            ) with (fillfactor = 70)`.execute(db);
          await sql`create unique index room_present on room (shard, host_id) where state <> 'ended'`.execute(
            db,
          );
          await sql`
            create index room_listed on room (viewers desc, room_id desc)
            where state in ('live', 'hold') and visibility = 'public'`.execute(db);
          await sql`create index room_edge on room (edge_id) where state in ('live', 'hold')`.execute(db);
          await sql`create index room_held on room (held_at_ms) where state = 'hold'`.execute(db);
          await sql`create index room_scheduled on room (created_at_ms) where state = 'created'`.execute(db);
        },
      },
      '0002_host_media': {
        async up(db) {
          await sql`
            alter table room_host
              add column record boolean not null default false,
              add column forward_urls text[] not null default '{}',
              add column source_url text not null default ''`.execute(db);
        },
      },
      '0003_recordings': {
        async up(db) {
          await sql`
            create table recording (
              shard smallint not null,
              room_id bigint not null,
              started_at_ms bigint not null,
              format text not null check (format in ('mp4', 'flv')),
              folder text not null,
              duration_ms bigint not null,
              bytes bigint not null,
              state text not null check (state in ('recording', 'done', 'failed', 'removing', 'removed')),
              reason text not null,
              primary key (shard, room_id, started_at_ms, format)
            )`.execute(db);
          await sql`create index recording_removing on recording (folder) where state = 'removing'`.execute(
            db,
          );
        },
      },
      '0004_codecs': {
        async up(db) {
          await sql`
            alter table room
              add column video_codec text not null default '',
              add column audio_codec text not null default ''`.execute(db);
        },
      },
      '0005_renditions': {
        async up(db) {
          await sql`alter table room add column renditions text not null default ''`.execute(db);
        },
      },
      '0006_versions': {
        async up(db) {
          await sql`alter table room drop column viewers, add column version bigint not null default 1`.execute(
            db,
          );
          await sql`alter table room_host add column version bigint not null default 1`.execute(db);
          await sql`
            create function room_next_version() returns trigger language plpgsql as $$
            begin
              new.version := greatest(new.version, old.version + 1);
              return new;
            end $$`.execute(db);
          for (const table of ['room', 'room_host']) {
            await sql`
              create trigger ${sql.raw(`${table}_version`)} before update on ${sql.table(table)}
              for each row when (old.* is distinct from new.*)
              execute function room_next_version()`.execute(db);
          }
          await sql`create index room_on_air on room (shard) where state in ('live', 'hold')`.execute(db);
          await sql`
            create unlogged table room_viewers (
              shard smallint not null,
              room_id bigint not null,
              viewers integer not null,
              primary key (shard, room_id)
            ) with (fillfactor = 50)`.execute(db);
        },
      },
      '0007_weeks': weeksMigration,
      '0008_areas_schedule_announcements': {
        async up(db) {
          await sql`
            alter table room
              add column area_id text not null default '',
              add column starts_at_ms bigint not null default 0`.execute(db);
          await sql`
            alter table room_host
              add column area_id text not null default '',
              add column announcement text not null default '',
              add column announced_at_ms bigint not null default 0`.execute(db);
          await sql`
            create index room_coming on room_current (starts_at_ms, room_id)
            where state = 'created' and visibility = 'public' and starts_at_ms > 0`.execute(db);
        },
      },
      '0009_late_rooms': {
        async up(db) {
          await sql`
            create index room_late on room_current (starts_at_ms)
            where state = 'created' and starts_at_ms > 0`.execute(db);
        },
      },
      '0010_plays': {
        async up(db) {
          await sql`
            create table room_plays (
              shard smallint not null,
              room_id bigint not null,
              source text not null,
              plays bigint not null,
              primary key (shard, room_id, source)
            ) with (fillfactor = 70)`.execute(db);
        },
      },
    },
  },
  archiveMigrations,
  programmeMigrations,
];
