import type { Client } from 'pg';
import { CodedError, hasCode } from '../error/index.ts';
import { toSqlError, type Database } from '../sql/index.ts';
import {
  Coordinator,
  type Claimed,
  type CoordEngine,
  type CoordParts,
  type Held,
  type OpenCoord,
  type Shown,
} from './coordinator.ts';
import { coordErrors } from './errors.ts';
import { nameOf } from './lease-table.ts';
import { renewEveryMs } from './limits.ts';
import type { LeaseKey, LeaseRow, MemberRow, RecordRow, RecordWrite } from './rows.ts';
import * as statements from './statements.ts';

export interface PostgresCoordOptions extends CoordParts {
  /** The core database, migrated with `coordMigrations`. */
  readonly database: Database;
}

/** A statement that takes longer is given up: within a lease there is time to renew it on a new connection. */
const statementWithinMs = 800;
const purgeEveryBeats = 60;

/**
 * Coordination over the core database: one connection a process, which renews, claims and polls in turn
 * and listens for hints. Errors: COORD_UNAVAILABLE when the database does not answer at the start.
 */
export function openPostgresCoord(options: PostgresCoordOptions): Promise<OpenCoord> {
  return new Coordinator(options, new PostgresEngine(options)).start();
}

class PostgresEngine implements CoordEngine {
  readonly renewEveryMs = renewEveryMs;
  readonly #options: PostgresCoordOptions;
  readonly #owner: string;
  /** Leases whose row is known to exist; bounded by what roles may ask for, since jobs and partitions are fixed. */
  readonly #registered = new Set<string>();
  #client: Client | undefined;
  #beats = 0;

  constructor(options: PostgresCoordOptions) {
    this.#options = options;
    this.#owner = options.processId;
  }

  async connect(hint: () => void): Promise<void> {
    if (this.#client) return;
    const client = await this.#options.database.openClient(statementWithinMs);
    client.on('notification', () => hint());
    client.on('end', () => {
      if (this.#client === client) this.#client = undefined;
    });
    await client.query(`set synchronous_commit = off; listen ${statements.notifyChannel}`);
    this.#client = client;
  }

  async disconnect(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  async renew(held: Held): Promise<readonly LeaseRow[]> {
    const client = this.#connected();
    const answered = await statements.beat(client, this.#owner, held);
    if (this.#beats++ % purgeEveryBeats === purgeEveryBeats - 1) await statements.purgeMembers(client);
    return answered;
  }

  async claim(wanted: readonly LeaseKey[]): Promise<Claimed> {
    const client = this.#connected();
    await this.#register(client, wanted);
    const sinceMs = this.#options.clock.monotonicMs();
    return { rows: await statements.claim(client, this.#owner, wanted), sinceMs };
  }

  async refresh({ groups, records }: Shown) {
    const client = this.#connected();
    return {
      members: groups.length > 0 ? await statements.readMembers(client, groups) : [],
      records: records.size > 0 ? await statements.readRecords(client, records) : [],
    };
  }

  release(lease: LeaseRow): Promise<void> {
    return statements.release(this.#pool, this.#owner, lease);
  }

  putMember(member: MemberRow): Promise<void> {
    return statements.putMember(this.#pool, this.#owner, member);
  }

  removeMember(member: MemberRow): Promise<void> {
    return statements.removeMember(this.#pool, this.#owner, member);
  }

  openGroup(group: string): Promise<MemberRow[]> {
    return statements.readMembers(this.#pool, [group]);
  }

  openRecord(key: string): Promise<RecordRow | undefined> {
    return statements.readRecord(this.#pool, key);
  }

  readRecord(key: string): Promise<RecordRow | undefined> {
    return statements.readRecord(this.#pool, key);
  }

  casRecord(write: RecordWrite): Promise<number | undefined> {
    return statements.casRecord(this.#pool, write);
  }

  translate(error: unknown): unknown {
    const cause = toSqlError(error);
    const isAway = hasCode(cause, 'DATABASE_UNAVAILABLE', 'DATABASE_BUSY', 'STATEMENT_TIMEOUT');
    return isAway ? new CodedError(coordErrors, 'COORD_UNAVAILABLE', { cause }) : cause;
  }

  async leave({ members, leases }: Held): Promise<void> {
    await Promise.all([
      ...members.map((row) => this.removeMember(row)),
      ...leases.map((lease) => this.release(lease)),
    ]);
  }

  get #pool() {
    return this.#options.database.pool;
  }

  /** A connection that ended between two statements of a turn ends the turn. */
  #connected(): Client {
    if (!this.#client) throw new CodedError(coordErrors, 'COORD_UNAVAILABLE');
    return this.#client;
  }

  async #register(client: Client, wanted: readonly LeaseKey[]): Promise<void> {
    const fresh = wanted.filter((key) => !this.#registered.has(nameOf(key)));
    if (fresh.length === 0) return;
    await statements.registerLeases(client, fresh);
    for (const key of fresh) this.#registered.add(nameOf(key));
  }
}
