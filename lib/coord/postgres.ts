import type { Client } from 'pg';
import type { Clock } from '../clock/index.ts';
import { CodedError, hasCode } from '../error/index.ts';
import type { Logger } from '../logger/index.ts';
import type { Metrics } from '../metrics/index.ts';
import { toSqlError, type Database } from '../sql/index.ts';
import { coordErrors } from './errors.ts';
import { leaseOf, LeaseTable, nameOf, type HeldLease } from './lease-table.ts';
import {
  assertBelow,
  encodeMember,
  encodeRecord,
  membersMax,
  pollEveryMs,
  renewEveryMs,
  watchesMax,
} from './limits.ts';
import * as statements from './statements.ts';
import type { LeaseKey, MemberRow } from './statements.ts';
import type { Coord, CoordRecord, Lease, Member, MemberView, RecordView } from './types.ts';
import { MemberViews, recordOf, RecordViews } from './views.ts';

export interface PostgresCoordOptions {
  /** The core database, migrated with `coordMigrations`. */
  readonly database: Database;
  /** Unique per process start; it owns the members and leases. */
  readonly processId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export type OpenCoord = Coord & AsyncDisposable;

/** A statement that takes longer is given up: within a lease there is time to renew it on a new connection. */
const statementWithinMs = 800;
const hintSpacingMs = 20;
const retryEveryMs = 100;
const purgeEveryBeats = 60;

/**
 * Coordination over the core database: one connection a process, which renews, claims and polls in turn
 * and listens for hints. Errors: COORD_UNAVAILABLE when the database does not answer at the start.
 */
export async function openPostgresCoord(options: PostgresCoordOptions): Promise<OpenCoord> {
  const coord = new PostgresCoord(options);
  await coord.start();
  return coord;
}

class PostgresCoord implements OpenCoord {
  readonly #options: PostgresCoordOptions;
  readonly #owner: string;
  readonly #leases: LeaseTable;
  readonly #members = new Set<MemberRow>();
  readonly #memberViews = new MemberViews();
  readonly #recordViews = new RecordViews();
  readonly #counters: Record<'beats' | 'failures' | 'leasesLost' | 'hints', number>;
  /** Leases whose row is known to exist; bounded by what roles may ask for, since jobs and partitions are fixed. */
  readonly #registered = new Set<string>();
  #client: Client | undefined;
  #turning: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #beats = 0;
  #beatDueMs = 0;
  #lastTurnMs = 0;
  #hinted = false;
  #reachable = true;
  #closed = false;

  constructor(options: PostgresCoordOptions) {
    this.#options = options;
    this.#owner = options.processId;
    this.#leases = new LeaseTable(options.clock);
    this.#counters = options.metrics.counters('coord', ['beats', 'failures', 'leasesLost', 'hints']);
  }

  async start(): Promise<void> {
    await this.#guard(async () => void (await this.#connect()));
    this.#schedule(0);
  }

  async join(group: string, member: Member): Promise<AsyncDisposable> {
    assertBelow(this.#members.size, membersMax, 'members');
    const row: MemberRow = { group, id: member.id, data: encodeMember(member.data) };
    await this.#guard(() => statements.putMember(this.#pool, this.#owner, row));
    this.#members.add(row);
    return {
      [Symbol.asyncDispose]: async () => {
        if (this.#members.delete(row)) await this.#leave(row);
      },
    };
  }

  async members(group: string): Promise<MemberView> {
    assertBelow(this.#memberViews.size + this.#recordViews.size, watchesMax, 'watches');
    const rows = await this.#guard(() => statements.readMembers(this.#pool, [group]));
    return this.#memberViews.open(group, rows);
  }

  async lease(job: string, partition: number, signal?: AbortSignal): Promise<Lease> {
    this.#assertOpen();
    const waiting = this.#leases.wait({ job, partition }, signal);
    this.#hint();
    const held = await waiting;
    return leaseOf(held, async () => {
      if (this.#leases.drop(held)) await this.#release(held);
    });
  }

  async get<Value>(key: string): Promise<CoordRecord<Value> | undefined> {
    const row = await this.#guard(() => statements.readRecord(this.#pool, key));
    return row && recordOf<Value>(row);
  }

  async cas<Value>(key: string, expected: number, value: Value): Promise<CoordRecord<Value> | undefined> {
    const json = encodeRecord(key, value);
    const version = await this.#guard(() => statements.casRecord(this.#pool, { key, expected, json }));
    return version === undefined ? undefined : { value, version };
  }

  async watch<Value>(key: string): Promise<RecordView<Value>> {
    assertBelow(this.#memberViews.size + this.#recordViews.size, watchesMax, 'watches');
    const row = await this.#guard(() => statements.readRecord(this.#pool, key));
    return this.#recordViews.open<Value>(key, row);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    const held = this.#leases.close(new CodedError(coordErrors, 'COORD_CLOSED'));
    await this.#turning;
    await Promise.all([...this.#members].map((row) => this.#leave(row)));
    await Promise.all(held.map((lease) => this.#release(lease)));
    await this.#disconnect();
  }

  get #pool() {
    return this.#options.database.pool;
  }

  /** What is not given back ends by its TTL, so a database that is away does not stop a shutdown. */
  async #leave(row: MemberRow): Promise<void> {
    // A renewal on its way would write the row again.
    await this.#turning;
    await statements.removeMember(this.#pool, this.#owner, row).catch((error: unknown) => this.#note(error));
  }

  async #release(held: HeldLease): Promise<void> {
    await statements.release(this.#pool, this.#owner, held).catch((error: unknown) => this.#note(error));
  }

  async #connect(): Promise<Client> {
    const client = await this.#options.database.openClient(statementWithinMs);
    client.on('notification', () => {
      this.#counters.hints++;
      this.#hint();
    });
    client.on('end', () => {
      if (this.#client === client) this.#client = undefined;
    });
    await client.query(`set synchronous_commit = off; listen ${statements.notifyChannel}`);
    this.#client = client;
    return client;
  }

  async #disconnect(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  #schedule(waitMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(() => this.#run(), waitMs).unref();
  }

  /** A turn soon: at most one at a time, and never more than 50 a second. */
  #hint(): void {
    this.#hinted = true;
    if (this.#turning) return;
    const sinceMs = this.#options.clock.monotonicMs() - this.#lastTurnMs;
    this.#schedule(Math.max(0, hintSpacingMs - sinceMs));
  }

  #run(): void {
    if (this.#turning || this.#closed) return;
    this.#hinted = false;
    this.#lastTurnMs = this.#options.clock.monotonicMs();
    this.#turning = this.#turn()
      .then(
        () => this.#untilNext(),
        (error: unknown) => this.#failed(error),
      )
      .then((waitMs) => {
        this.#turning = undefined;
        this.#schedule(this.#hinted ? Math.min(hintSpacingMs, waitMs) : waitMs);
      });
  }

  /** A poll later, or sooner when a renewal is due before. */
  #untilNext(): number {
    const beatInMs = this.#beatDueMs - this.#options.clock.monotonicMs();
    return Math.min(pollEveryMs, Math.max(0, beatInMs));
  }

  async #failed(error: unknown): Promise<number> {
    this.#note(error);
    this.#beatDueMs = 0;
    await this.#disconnect();
    return retryEveryMs;
  }

  /** Renewals come first: they have a deadline, the rest can wait for the next turn. */
  async #turn(): Promise<void> {
    const client = this.#client ?? (await this.#connect());
    if (this.#options.clock.monotonicMs() >= this.#beatDueMs) await this.#beat(client);
    await this.#claim(client);
    const groups = this.#memberViews.groups();
    if (groups.length > 0) this.#memberViews.update(groups, await statements.readMembers(client, groups));
    const known = this.#recordViews.known();
    if (known.size > 0) this.#recordViews.update(await statements.readRecords(client, known));
    this.#noteSuccess();
  }

  async #beat(client: Client): Promise<void> {
    const sentMs = this.#options.clock.monotonicMs();
    const leases = this.#leases.held();
    const answered = await statements.beat(client, this.#owner, { members: [...this.#members], leases });
    this.#beatDueMs = sentMs + renewEveryMs;
    this.#counters.beats++;
    this.#counters.leasesLost += this.#leases.renewed(leases, answered, sentMs);
    if (this.#beats++ % purgeEveryBeats === purgeEveryBeats - 1) await statements.purgeMembers(client);
  }

  async #claim(client: Client): Promise<void> {
    const wanted = this.#leases.wanted();
    if (wanted.length === 0) return;
    await this.#register(client, wanted);
    const sentMs = this.#options.clock.monotonicMs();
    for (const row of await statements.claim(client, this.#owner, wanted)) {
      // Whoever waited has gone meanwhile.
      if (!this.#leases.grant(row, sentMs)) await statements.release(client, this.#owner, row);
    }
  }

  async #register(client: Client, wanted: readonly LeaseKey[]): Promise<void> {
    const fresh = wanted.filter((key) => !this.#registered.has(nameOf(key)));
    if (fresh.length === 0) return;
    await statements.registerLeases(client, fresh);
    for (const key of fresh) this.#registered.add(nameOf(key));
  }

  #note(error: unknown): void {
    this.#counters.failures++;
    if (this.#reachable)
      this.#options.logger.warn({ error: toSqlError(error) }, 'coordination engine failed');
    this.#reachable = false;
  }

  #noteSuccess(): void {
    if (!this.#reachable) this.#options.logger.info('coordination engine answers again');
    this.#reachable = true;
  }

  #assertOpen(): void {
    if (this.#closed) throw new CodedError(coordErrors, 'COORD_CLOSED');
  }

  /** Callers of the port know no SQL codes. */
  async #guard<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#assertOpen();
    try {
      return await work();
    } catch (cause) {
      if (!hasCode(cause, 'DATABASE_UNAVAILABLE', 'DATABASE_BUSY', 'STATEMENT_TIMEOUT')) throw cause;
      throw new CodedError(coordErrors, 'COORD_UNAVAILABLE', { cause });
    }
  }
}
