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
  },
};
