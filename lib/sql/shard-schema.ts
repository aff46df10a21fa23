import { sql, type Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { MigrationSet } from './migrate.ts';

/** First key of the two-key advisory locks on logical shards. */
export const shardLockClass = 1_936_220_772;

/** Begins the transactions of a move: the change feed leaves their rows out. */
export const movePrefix = 'gala.move';

/** Where the rows of a shard wait before it is owned. */
export function arrivalSchema(shard: number): string {
  return `shard_arrival_${shard}`;
}

/**
 * A shard is where `shard_owner` has it. Its rows leave the source in the transaction that moves its entry to
 * `shard_departure`, which decides the move; from then on `shard_arrive` on the target, called by whoever comes first,
 * brings them from the staged tables into the real ones. So a database never has rows of a shard that it does not own,
 * and a mover that dies leaves the shard either here, or there after one more call. The token is the mover's: it names
 * the staged copy that belongs to the decision.
 */
const movesMigration: Migration = {
  up: async (db: Kysely<unknown>) => {
    await sql`alter table shard_owner add column token text not null default ''`.execute(db);
    await sql`create table shard_departure (id smallint primary key, left_to int not null, token text not null)`.execute(
      db,
    );
    await sql`create table shard_arrival (
      id smallint primary key, token text not null, map_version bigint not null, tables text[] not null,
      is_ready boolean not null default false)`.execute(db);
    await sql`create function shard_arrive(wanted int, decided text) returns boolean language plpgsql volatile as $$
      declare
        arrival shard_arrival;
        staged text := 'shard_arrival_' || wanted;
        name text;
        list text;
      begin
        perform pg_advisory_xact_lock(${sql.lit(shardLockClass)}, wanted);
        perform from shard_owner where shard = wanted;
        if found then return true; end if;
        select * into arrival from shard_arrival where id = wanted and token = decided and is_ready;
        if not found then return false; end if;
        perform pg_logical_emit_message(true, ${sql.lit(movePrefix)}, wanted::text);
        foreach name in array arrival.tables loop
          select string_agg(quote_ident(column_name), ', ') into list
            from information_schema.columns where table_schema = staged and table_name = name;
          execute format('insert into %I (%s) select %s from %I.%I', name, list, list, staged, name);
        end loop;
        insert into shard_owner(shard, map_version) values (wanted, arrival.map_version + 1);
        delete from shard_departure where id = wanted;
        delete from shard_arrival where id = wanted;
        execute format('drop schema %I cascade', staged);
        return true;
      end $$`.execute(db);
  },
};

/**
 * Records are the business of lib/coord, but the shard map is one of them and is needed before anything
 * else opens, so their table is made here.
 */
const coreMigrations: MigrationSet = {
  name: 'sql',
  kind: 'core',
  migrations: {
    '0001_records': {
      up: async (db: Kysely<unknown>) => {
        await sql`create table coord_record (
          key text primary key,
          version bigint not null,
          value json not null
        )`.execute(db);
      },
    },
  },
};

/**
 * `shard_enter` is called inside each transaction: it waits for a move of that shard to end (the mover
 * holds the lock exclusively while it switches) and only then looks, since every statement of a volatile
 * function has a snapshot of its own. 0 means "not mine". The lock is in memory: no row is written.
 */
const shardMigrations: MigrationSet = {
  name: 'sql',
  kind: 'shard',
  migrations: {
    '0001_shard_owner': {
      up: async (db: Kysely<unknown>) => {
        await sql`create table shard_owner (shard smallint primary key, map_version bigint not null)`.execute(
          db,
        );
        await sql`create table shard_database (id boolean primary key default true check (id), database int not null)`.execute(
          db,
        );
        await sql`create function shard_enter(wanted int) returns bigint language plpgsql volatile as $$
          declare found_version bigint;
          begin
            perform pg_advisory_xact_lock_shared(${sql.lit(shardLockClass)}, wanted);
            select map_version into found_version from shard_owner where shard = wanted;
            return coalesce(found_version, 0);
          end $$`.execute(db);
      },
    },
    '0002_moves': movesMigration,
  },
};

export const sqlMigrations: readonly MigrationSet[] = [coreMigrations, shardMigrations];
