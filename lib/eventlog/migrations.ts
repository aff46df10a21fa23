import { sql, type Kysely } from 'kysely';
import type { MigrationSet } from '../sql/index.ts';

/**
 * Tables of the PostgreSQL adapter, in the core database; each topic has a table of its own for its records, which
 * is made with the topic (`segments.ts`). The rows here are few and updated with every append or commit, so their
 * pages leave room for HOT updates.
 */
export const eventlogMigrations: MigrationSet = {
  name: 'eventlog',
  kind: 'core',
  migrations: {
    '0001_eventlog': {
      up: async (db: Kysely<unknown>) => {
        await sql`create table eventlog_topic (
          id int generated always as identity primary key,
          name text not null unique,
          partitions int not null,
          retention_ms bigint not null
        )`.execute(db);
        // `head` is the next offset, `start` the first that is kept.
        await sql`create table eventlog_partition (
          topic int not null references eventlog_topic,
          partition int not null,
          head bigint not null default 0,
          start bigint not null default 0,
          primary key (topic, partition)
        ) with (fillfactor = 20)`.execute(db);
        await sql`create table eventlog_producer (
          topic int not null,
          partition int not null,
          producer text not null,
          sequence bigint not null,
          seen_at timestamptz not null,
          primary key (topic, partition, producer)
        ) with (fillfactor = 50)`.execute(db);
        await sql`create table eventlog_group (
          topic int not null,
          partition int not null,
          member_group text not null,
          committed bigint not null default 0,
          fence bigint not null default 0,
          primary key (topic, partition, member_group)
        ) with (fillfactor = 50)`.execute(db);
      },
    },
  },
};
