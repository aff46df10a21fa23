import type { MigrationSet } from '@gala/lib/sql';
import { sql } from 'kysely';

/**
 * What lasts of a host's chat lies in the host's shard; sanctions of the whole installation in the core database, with
 * a counter of their changes that every process follows.
 */
export const migrations: readonly MigrationSet[] = [
  {
    name: 'interaction',
    kind: 'shard',
    migrations: {
      '0001_chats': {
        async up(db) {
          await sql`
            create table interaction_chat (
              shard smallint not null,
              host_id bigint not null,
              settings jsonb not null,
              version bigint not null,
              primary key (shard, host_id)
            )`.execute(db);
          await sql`
            create table interaction_words (
              shard smallint not null,
              host_id bigint not null,
              words jsonb not null,
              version bigint not null,
              primary key (shard, host_id)
            )`.execute(db);
          await sql`
            create table interaction_sanction (
              shard smallint not null,
              host_id bigint not null,
              user_id bigint not null,
              kind text not null check (kind in ('mute', 'ban', 'shadow')),
              name text not null,
              until_ms bigint not null,
              by_id bigint not null,
              reason text not null,
              created_at_ms bigint not null,
              primary key (shard, host_id, user_id, kind)
            )`.execute(db);
          await sql`
            create table interaction_moderator (
              shard smallint not null,
              host_id bigint not null,
              user_id bigint not null,
              name text not null,
              since_ms bigint not null,
              primary key (shard, host_id, user_id)
            )`.execute(db);
          await sql`
            create table interaction_follow (
              shard smallint not null,
              host_id bigint not null,
              user_id bigint not null,
              followed_at_ms bigint not null,
              primary key (shard, host_id, user_id)
            )`.execute(db);
          // In stripes, so that those who follow at once do not wait for one row.
          await sql`
            create table interaction_follow_count (
              shard smallint not null,
              host_id bigint not null,
              stripe smallint not null,
              followers bigint not null,
              primary key (shard, host_id, stripe)
            ) with (fillfactor = 70)`.execute(db);
        },
      },
    },
  },
  {
    name: 'interaction_core',
    kind: 'core',
    migrations: {
      '0001_site_sanctions': {
        async up(db) {
          await sql`
            create table interaction_site_sanction (
              user_id bigint not null,
              kind text not null check (kind in ('mute', 'ban', 'shadow')),
              name text not null,
              until_ms bigint not null,
              by_id bigint not null,
              reason text not null,
              created_at_ms bigint not null,
              primary key (user_id, kind)
            )`.execute(db);
        },
      },
    },
  },
];
