import type { MigrationSet } from '@gala/lib/sql';
import { numberCount } from '@gala/protocol/ids';
import { sql } from 'kysely';

/** Core has what is looked up by something other than a user id; all else lies with its user. */
export const migrations: MigrationSet[] = [
  {
    name: 'account_core',
    kind: 'core',
    migrations: {
      '0001_names_issuers_and_keys': {
        async up(db) {
          await sql`create sequence account_user_number as bigint minvalue 1
            maxvalue ${sql.lit(numberCount - 1)} no cycle`.execute(db);
          await sql`
            create table account_login_name (
              folded_name text primary key,
              user_id bigint not null,
              claimed_at_ms bigint not null
            )`.execute(db);
          await sql`
            create table account_identity (
              issuer text not null,
              subject text not null,
              user_id bigint not null,
              primary key (issuer, subject)
            )`.execute(db);
          await sql`
            create table account_issuer (
              issuer text primary key,
              audience text not null,
              jwks text not null
            )`.execute(db);
          await sql`
            create table account_signing_key (
              generation integer primary key,
              kid text not null unique,
              secret bytea not null,
              created_at_ms bigint not null
            )`.execute(db);
        },
      },
    },
  },
  {
    name: 'account',
    kind: 'shard',
    migrations: {
      '0001_users_and_tokens': {
        async up(db) {
          await sql`
            create table account_user (
              shard smallint not null,
              user_id bigint not null,
              name text not null,
              password_hash text,
              roles text[] not null,
              created_at_ms bigint not null,
              primary key (shard, user_id)
            )`.execute(db);
          await sql`
            create table account_session (
              shard smallint not null,
              user_id bigint not null,
              secret_hash bytea not null,
              created_at_ms bigint not null,
              expires_at_ms bigint not null,
              primary key (shard, user_id, secret_hash),
              foreign key (shard, user_id) references account_user (shard, user_id)
            )`.execute(db);
          await sql`create index account_session_expiry on account_session (expires_at_ms)`.execute(db);
          await sql`
            create table account_api_token (
              shard smallint not null,
              user_id bigint not null,
              token_id text not null,
              secret_hash bytea not null,
              name text not null,
              scopes text[] not null,
              created_at_ms bigint not null,
              expires_at_ms bigint not null,
              primary key (shard, user_id, token_id),
              foreign key (shard, user_id) references account_user (shard, user_id)
            )`.execute(db);
        },
      },
    },
  },
];
