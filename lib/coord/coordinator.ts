import type { Clock } from '../clock/index.ts';
import { CodedError } from '../error/index.ts';
import type { Logger } from '../logger/index.ts';
import type { Metrics } from '../metrics/index.ts';
import { coordErrors } from './errors.ts';
import { leaseOf, LeaseTable, type HeldLease } from './lease-table.ts';
import { assertBelow, encodeMember, encodeRecord, membersMax, pollEveryMs, watchesMax } from './limits.ts';
import type { LeaseKey, LeaseRow, MemberRow, RecordRow, RecordWrite } from './rows.ts';
import type { Coord, CoordRecord, Lease, Member, MemberView, RecordView } from './types.ts';
import { MemberViews, recordOf, RecordViews } from './views.ts';

/** What every adapter is opened with. */
export interface CoordParts {
  /** Unique per process start; it owns the members and leases. */
  readonly processId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export type OpenCoord = Coord & AsyncDisposable;

/** What a process holds, to be renewed. */
export interface Held {
  readonly members: readonly MemberRow[];
  readonly leases: readonly LeaseRow[];
}

/** What the views show now, so that only what has changed need be answered. */
export interface Shown {
  readonly groups: readonly string[];
  /** The version of each record that is shown, 0 for none. */
  readonly records: ReadonlyMap<string, number>;
}

export interface Claimed {
  readonly rows: readonly LeaseRow[];
  /** Monotonic time from which the TTL of these counts. */
  readonly sinceMs: number;
}

/**
 * An engine of coordination. Calls end within a limit of their own and reject when the engine does not
 * answer; a turn of the coordinator is `connect`, `renew` when it is due, `claim`, `refresh`, one after the other.
 */
export interface CoordEngine {
  readonly renewEveryMs: number;
  /** Connects when it is not; `hint` asks for a turn soon, with a renewal at once when what is held may be lost. */
  connect(hint: (options?: { renew: boolean }) => void): Promise<void>;
  disconnect(): Promise<void>;
  /** Renews members and leases; what is missing in the answer is lost. */
  renew(held: Held): Promise<readonly LeaseRow[]>;
  /** Takes what is free of the wanted leases, without waiting for those who try the same. */
  claim(wanted: readonly LeaseKey[]): Promise<Claimed>;
  release(lease: LeaseRow): Promise<void>;
  putMember(member: MemberRow): Promise<void>;
  removeMember(member: MemberRow): Promise<void>;
  /** The members of a group for a view that is about to open. */
  openGroup(group: string): Promise<readonly MemberRow[]>;
  /** A record for a view that is about to open. */
  openRecord(key: string): Promise<RecordRow | undefined>;
  refresh(shown: Shown): Promise<{ members: readonly MemberRow[]; records: readonly RecordRow[] }>;
  readRecord(key: string): Promise<RecordRow | undefined>;
  /** The new version, or undefined when the expected one is not there. */
  casRecord(write: RecordWrite): Promise<number | undefined>;
  /** COORD_UNAVAILABLE for what says that the engine cannot be reached; other errors as they are. */
  translate(error: unknown): unknown;
  /** Gives back all that is held, before the last `disconnect`. */
  leave(held: Held): Promise<void>;
}

const hintSpacingMs = 20;
const retryEveryMs = 100;

/** The half of coordination that is the same over every engine. */
export class Coordinator implements OpenCoord {
  readonly #parts: CoordParts;
  readonly #engine: CoordEngine;
  readonly #leases: LeaseTable;
  readonly #members = new Set<MemberRow>();
  readonly #memberViews = new MemberViews();
  readonly #recordViews = new RecordViews();
  readonly #counters: Record<'beats' | 'failures' | 'leasesLost' | 'hints', number>;
  #turning: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #renewDueMs = 0;
  #lastTurnMs = 0;
  #hinted = false;
  #reachable = true;
  #closed = false;

  constructor(parts: CoordParts, engine: CoordEngine) {
    this.#parts = parts;
    this.#engine = engine;
    this.#leases = new LeaseTable(parts.clock);
    this.#counters = parts.metrics.counters('coord', ['beats', 'failures', 'leasesLost', 'hints']);
    parts.metrics.gauge('gala_coord_up', '1 while coordination answers', () => Number(this.#reachable));
  }

  async start(): Promise<this> {
    await this.#guard(() => this.#connect());
    this.#schedule(0);
    return this;
  }

  async join(group: string, member: Member): Promise<AsyncDisposable> {
    assertBelow(this.#members.size, membersMax, 'members');
    const row: MemberRow = { group, id: member.id, data: encodeMember(member.data) };
    await this.#guard(() => this.#engine.putMember(row));
    this.#members.add(row);
    return {
      [Symbol.asyncDispose]: async () => {
        if (this.#members.delete(row)) await this.#leave(row);
      },
    };
  }

  async members(group: string): Promise<MemberView> {
    this.#assertWatchable();
    return this.#memberViews.open(group, await this.#guard(() => this.#engine.openGroup(group)));
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
    const row = await this.#guard(() => this.#engine.readRecord(key));
    return row && recordOf<Value>(row);
  }

  async cas<Value>(key: string, expected: number, value: Value): Promise<CoordRecord<Value> | undefined> {
    const json = encodeRecord(key, value);
    const version = await this.#guard(() => this.#engine.casRecord({ key, expected, json }));
    return version === undefined ? undefined : { value, version };
  }

  async watch<Value>(key: string): Promise<RecordView<Value>> {
    this.#assertWatchable();
    return this.#recordViews.open<Value>(key, await this.#guard(() => this.#engine.openRecord(key)));
  }

  /** What is not given back ends by its TTL, so an engine that is away does not stop a shutdown. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    const leases = this.#leases.close(new CodedError(coordErrors, 'COORD_CLOSED'));
    await this.#turning;
    await this.#engine
      .leave({ members: [...this.#members], leases })
      .catch((error: unknown) => this.#note(error));
    await this.#engine.disconnect();
  }

  async #leave(row: MemberRow): Promise<void> {
    // A renewal on its way would write the member again.
    await this.#turning;
    await this.#engine.removeMember(row).catch((error: unknown) => this.#note(error));
  }

  async #release(held: HeldLease): Promise<void> {
    await this.#engine.release(held).catch((error: unknown) => this.#note(error));
  }

  #connect(): Promise<void> {
    return this.#engine.connect((options) => {
      this.#counters.hints++;
      if (options?.renew) this.#renewDueMs = 0;
      this.#hint();
    });
  }

  #schedule(waitMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(() => this.#run(), waitMs).unref();
  }

  /** A turn soon: at most one at a time, and never more than 50 a second. */
  #hint(): void {
    this.#hinted = true;
    if (this.#turning) return;
    const sinceMs = this.#parts.clock.monotonicMs() - this.#lastTurnMs;
    this.#schedule(Math.max(0, hintSpacingMs - sinceMs));
  }

  #run(): void {
    if (this.#turning || this.#closed) return;
    this.#hinted = false;
    this.#lastTurnMs = this.#parts.clock.monotonicMs();
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
    const renewInMs = this.#renewDueMs - this.#parts.clock.monotonicMs();
    return Math.min(pollEveryMs, Math.max(0, renewInMs));
  }

  async #failed(error: unknown): Promise<number> {
    this.#note(error);
    this.#renewDueMs = 0;
    await this.#engine.disconnect();
    return retryEveryMs;
  }

  /** Renewals come first: they have a deadline, the rest can wait for the next turn. */
  async #turn(): Promise<void> {
    await this.#connect();
    if (this.#parts.clock.monotonicMs() >= this.#renewDueMs) await this.#renew();
    await this.#claim();
    await this.#refresh();
    this.#noteSuccess();
  }

  async #renew(): Promise<void> {
    const sentMs = this.#parts.clock.monotonicMs();
    const leases = this.#leases.held();
    this.#renewDueMs = sentMs + this.#engine.renewEveryMs;
    const answered = await this.#engine.renew({ members: [...this.#members], leases });
    this.#counters.beats++;
    this.#counters.leasesLost += this.#leases.renewed(leases, answered, sentMs);
  }

  async #claim(): Promise<void> {
    const wanted = this.#leases.wanted();
    if (wanted.length === 0) return;
    const { rows, sinceMs } = await this.#engine.claim(wanted);
    for (const row of rows) {
      // Whoever waited has gone meanwhile.
      if (!this.#leases.grant(row, sinceMs)) await this.#engine.release(row);
    }
  }

  async #refresh(): Promise<void> {
    const views = this.#memberViews.opened();
    const groups = [...new Set(views.map(({ group }) => group))];
    const records = this.#recordViews.known();
    if (groups.length === 0 && records.size === 0) return;
    const found = await this.#engine.refresh({ groups, records });
    this.#memberViews.update(views, found.members);
    this.#recordViews.update(found.records);
  }

  #note(error: unknown): void {
    this.#counters.failures++;
    if (this.#reachable) {
      this.#parts.logger.warn({ error: this.#engine.translate(error) }, 'coordination engine failed');
    }
    this.#reachable = false;
  }

  #noteSuccess(): void {
    if (!this.#reachable) this.#parts.logger.info('coordination engine answers again');
    this.#reachable = true;
  }

  #assertWatchable(): void {
    assertBelow(this.#memberViews.size + this.#recordViews.size, watchesMax, 'watches');
  }

  #assertOpen(): void {
    if (this.#closed) throw new CodedError(coordErrors, 'COORD_CLOSED');
  }

  /** Callers of the port know no codes of an engine. */
  async #guard<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#assertOpen();
    try {
      return await work();
    } catch (error) {
      throw this.#engine.translate(error);
    }
  }
}
