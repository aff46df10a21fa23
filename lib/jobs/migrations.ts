import { sql, type Kysely } from 'kysely';
import type { MigrationSet } from '../sql/index.ts';

/** Open jobs are updated every second while they run, which touches no index: pages leave room for HOT updates. */
export const jobMigrations: MigrationSet = {
  name: 'jobs',
  kind: 'core',
  migrations: {
    '0001_jobs': {
      up: async (db: Kysely<unknown>) => {
        await sql`create sequence job_fence`.execute(db);
        await sql`create table job (
          id bigint generated always as identity primary key,
          kind text not null,
          key text not null,
          payload jsonb not null,
          state text not null default 'waiting' check (state in ('waiting', 'running', 'done', 'failed')),
          attempts int not null default 0,
          failures int not null default 0,
          not_before timestamptz not null,
          progress real not null default 0,
          progress_text text not null default '',
          fence bigint not null default 0,
          owner text,
          until timestamptz not null default '-infinity',
          result jsonb,
          error_code text,
          error_message text,
          created_at timestamptz not null default clock_timestamp(),
          started_at timestamptz,
          finished_at timestamptz
        ) with (fillfactor = 70)`.execute(db);
        await sql`create unique index job_open on job(kind, key) where state in ('waiting', 'running')`.execute(
          db,
        );
        await sql`create index job_due on job(kind, not_before, id) where state in ('waiting', 'running')`.execute(
          db,
        );
        await sql`create index job_history on job(kind, finished_at) where state in ('done', 'failed')`.execute(
          db,
        );
        await sql`create index job_latest on job(kind, key, id)`.execute(db);
      },
    },
    // Watermarks of partitions are updated with every tick, so their pages leave room for HOT updates.
    '0002_ticks': {
      up: async (db: Kysely<unknown>) => {
        await sql`create table job_tick (
          job text,
          partition int,
          tick bigint not null,
          fence bigint not null,
          owner text not null,
          ticked_at timestamptz,
          late_ms real not null default 0,
          duration_ms real not null default 0,
          ticks bigint not null default 0,
          skipped bigint not null default 0,
          failures bigint not null default 0,
          failed_at timestamptz,
          error_code text not null default '',
          error_message text not null default '',
          primary key (job, partition)
        ) with (fillfactor = 40)`.execute(db);
        await sql`create table job_shard (
          job text primary key,
          partitions int not null,
          options jsonb not null,
          seen_at timestamptz not null default clock_timestamp()
        )`.execute(db);
      },
    },
    '0003_plans': {
      up: async (db: Kysely<unknown>) => {
        await sql`alter table job
          add column plan text,
          add column due_at timestamptz,
          add column asked_by text,
          add column retries_max int,
          add column time_limit_ms bigint,
          add column cancelled_by text`.execute(db);
        await sql`create index job_of_plan on job(plan, id) where plan is not null`.execute(db);
        await sql`create table job_log (
          job_id bigint references job(id) on delete cascade,
          line int,
          at timestamptz not null,
          text text not null,
          primary key (job_id, line)
        )`.execute(db);
        await sql`create table job_plan (
          name text primary key,
          kind text not null,
          schedule jsonb not null,
          policies jsonb not null,
          payload jsonb not null,
          retries_max int,
          time_limit_ms bigint,
          is_paused boolean not null default false,
          next_at timestamptz,
          queued_at timestamptz,
          last_at timestamptz,
          runs bigint not null default 0,
          skipped bigint not null default 0,
          missed bigint not null default 0,
          changed_by text not null,
          changed_at timestamptz not null default clock_timestamp()
        )`.execute(db);
        await sql`create index job_plan_due on job_plan(next_at) where not is_paused`.execute(db);
      },
    },
  },
};
