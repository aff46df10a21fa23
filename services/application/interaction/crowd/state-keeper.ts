import type { Clock } from '@gala/lib/clock';
import type { Collections } from '@gala/lib/collections';
import { Backoff, within } from '@gala/lib/timing';
import { partitionOfRoom } from '@gala/protocol/signals';
import { KeptRooms, type HowClosed } from './kept-rooms.ts';
import { StateParts, type StatePartsOptions } from './state-parts.ts';
import { readStored, stateKeyOf, writesOf } from './stored-state.ts';

export const stateCounterNames = ['writes', 'writesFailed', 'loads', 'loadsFailed', 'unsound'] as const;
export type StateCounters = Record<(typeof stateCounterNames)[number], number>;

export interface StateKeeperOptions {
  readonly collections: Pick<Collections, 'hashes' | 'expire'>;
  readonly clock: Clock;
  readonly counters: StateCounters;
  /** A room's changes of so long are written at once. */
  readonly writeEveryMs?: number;
  /** An opening waits no longer for what was written; it comes later then. */
  readonly loadMsMax?: number;
}

/** The longest show of 480 h is told of more often than that. */
const ttlMs = 3 * 86_400_000;
const touchEveryMs = 3_600_000;
/** Of a room that has ended: for those who look once more. */
const endedTtlMs = 3_600_000;
/** Rooms that are written at a time. */
const atOnceMax = 16;
const fieldsMax = 512;

interface Kept {
  readonly roomId: number;
  readonly state: StateParts;
  isLoaded: boolean;
  /** Of owners before this one; they go when what they say is written anew. */
  obsolete: readonly string[];
  touchedAtMs: number;
}

export interface OpenState {
  readonly roomId: number;
  /** Of the lease by which the room is owned. */
  readonly fence: number;
  readonly onChange?: () => void;
  readonly sources?: StatePartsOptions['sources'];
}

/**
 * Keeps the state of all rooms of a process in the collections, so that the next owner of a room has it. While they
 * are away the state goes on in memory, at most 64 parts a room, and is written when they are back.
 */
export class StateKeeper implements AsyncDisposable {
  readonly #options: StateKeeperOptions;
  readonly #rooms: KeptRooms<Kept>;
  readonly #dirty = new Set<Kept>();
  /** By partition: the highest version of its rooms that were closed here. */
  readonly #reached = new Map<number, number>();
  readonly #backoff = new Backoff({ initialMs: 500, maxMs: 10_000 });
  readonly #touching: NodeJS.Timeout;

  constructor(options: StateKeeperOptions) {
    this.#options = options;
    this.#rooms = new KeptRooms({
      dueMs: () => this.#dueMs(),
      write: () => this.#writeAll(),
      close: (kept, how) => this.#close(kept, how),
    });
    this.#touching = setInterval(() => this.#touchAll(), touchEveryMs).unref();
  }

  /** Rooms of which something is not written. */
  get waiting(): number {
    return this.#dirty.size;
  }

  /** The state as it was written last, unless the collections are away: then it comes when they are back. */
  async open({ roomId, fence, onChange, sources }: OpenState): Promise<StateParts> {
    await this.#rooms.closed(roomId);
    const state = new StateParts({
      fence,
      after: this.#reached.get(partitionOfRoom(roomId)),
      sources,
      onChange: () => {
        onChange?.();
        this.#mark(kept);
      },
    });
    const kept: Kept = { roomId, state, isLoaded: false, obsolete: [], touchedAtMs: -Infinity };
    this.#rooms.add(kept);
    await within(this.#options.loadMsMax ?? 500, this.#load(kept), () => undefined);
    if (!kept.isLoaded) this.#mark(kept);
    return state;
  }

  /** The room is owned here no longer. What is not written is written, unless another owns it already. */
  close(roomId: number, how: HowClosed): Promise<void> {
    return this.#rooms.close(roomId, how);
  }

  /** Writes what waits now. */
  flush(): Promise<void> {
    return this.#rooms.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#touching);
    await this.#rooms[Symbol.asyncDispose]();
  }

  async #close(kept: Kept, how: HowClosed): Promise<void> {
    const { roomId, state } = kept;
    const { clock, collections } = this.#options;
    this.#dirty.delete(kept);
    if (how !== 'lost') state.takeChanged(clock.nowMs());
    const partition = partitionOfRoom(roomId);
    this.#reached.set(partition, Math.max(state.version, this.#reached.get(partition) ?? 0));
    if (how === 'lost' || !(await this.#write(kept)) || how !== 'ended') return;
    await collections.expire(stateKeyOf(roomId), endedTtlMs).catch(() => undefined);
  }

  #mark(kept: Kept): void {
    if (!this.#rooms.has(kept)) return;
    this.#dirty.add(kept);
    this.#rooms.arm();
  }

  #dueMs(): number | undefined {
    if (this.#dirty.size === 0) return undefined;
    return this.#backoff.attempts > 0 ? this.#backoff.nextMs() : (this.#options.writeEveryMs ?? 2000);
  }

  /** One that fails ends the round: the others would fail too. */
  async #writeAll(): Promise<void> {
    const due = [...this.#dirty];
    for (let at = 0; at < due.length; at += atOnceMax) {
      const done = await Promise.all(due.slice(at, at + atOnceMax).map((kept) => this.#save(kept)));
      if (done.every(Boolean)) continue;
      this.#backoff.attempts ||= 1;
      return;
    }
    this.#backoff.reset();
  }

  async #save(kept: Kept): Promise<boolean> {
    this.#dirty.delete(kept);
    const isDone = (kept.isLoaded || (await this.#load(kept))) && (await this.#write(kept));
    if (!isDone || !kept.state.isSettled) {
      if (this.#rooms.has(kept)) this.#dirty.add(kept);
    }
    return isDone;
  }

  async #load(kept: Kept): Promise<boolean> {
    const { collections, counters } = this.#options;
    try {
      const stored = readStored(await collections.hashes.getAll(stateKeyOf(kept.roomId)));
      if (kept.isLoaded) return true;
      kept.isLoaded = true;
      counters.loads++;
      if (!stored.isSound) counters.unsound++;
      kept.obsolete = stored.fields.filter(({ fence }) => fence < kept.state.fence).map(({ field }) => field);
      kept.state.load(stored.values);
      return true;
    } catch {
      counters.loadsFailed++;
      return false;
    }
  }

  async #write(kept: Kept): Promise<boolean> {
    const { collections, counters } = this.#options;
    const { roomId, state } = kept;
    const key = stateKeyOf(roomId);
    const parts = state.takeUnwritten();
    try {
      if (parts.length > 0) {
        for (const fields of writesOf(state.fence, parts)) await collections.hashes.set(key, fields);
        counters.writes++;
      }
      await this.#touch(kept);
      if (state.isSettled) await this.#removeObsolete(kept);
      return true;
    } catch {
      state.giveBack(parts);
      counters.writesFailed++;
      return false;
    }
  }

  async #removeObsolete(kept: Kept): Promise<void> {
    const fields = kept.obsolete.slice(0, fieldsMax);
    if (fields.length === 0) return;
    await this.#options.collections.hashes.delete(stateKeyOf(kept.roomId), fields);
    kept.obsolete = kept.obsolete.slice(fieldsMax);
  }

  async #touch(kept: Kept): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - kept.touchedAtMs < touchEveryMs) return;
    await this.#options.collections.expire(stateKeyOf(kept.roomId), ttlMs);
    kept.touchedAtMs = nowMs;
  }

  #touchAll(): void {
    for (const kept of this.#rooms) this.#mark(kept);
  }
}
