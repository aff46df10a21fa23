import { LoadingCache } from '@gala/lib/cache';
import type { Clock } from '@gala/lib/clock';
import type { Coord, RecordView } from '@gala/lib/coord';
import { Backoff } from '@gala/lib/lifecycle';
import { hostOfRoom } from '@gala/protocol/ids';
import type { Stream } from '../stream.ts';
import type { RelayEvents } from './events.ts';

/** Where the publisher of a host's room is. One record for each host that has ever been on air. */
export interface Owner {
  readonly roomId: number;
  readonly epoch: number;
  /** Empty when the stream has ended there. */
  readonly edgeId: string;
}

export interface OwnersOptions {
  readonly coord: Coord;
  readonly edgeId: string;
  readonly clock: Clock;
  readonly events: RelayEvents;
}

const retry = { initialMs: 100, maxMs: 5_000 };
/** What a read may be behind: viewers who ask for what is nowhere cost one query in this time for each host. */
const freshMs = 250;
const cache = { entriesMax: 10_000, ttlMs: freshMs, loadsMax: 64 };

/**
 * The records that say which edge owns a stream. Written behind the publisher, never in its way, and tried until
 * they stand or something newer does.
 */
export class Owners implements AsyncDisposable {
  readonly #options: OwnersOptions;
  readonly #cache: LoadingCache<number, Owner | undefined>;
  /** What shall be written, by host; bounded by the streams of this edge, since nobody new is admitted in an outage. */
  readonly #wanted = new Map<number, Owner>();
  readonly #writes = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(options: OwnersOptions) {
    this.#options = options;
    this.#cache = new LoadingCache({ clock: options.clock, ...cache });
  }

  /** Says that the publisher of this stream is here. */
  claim({ roomId, epoch }: Stream): void {
    this.#want({ roomId, epoch, edgeId: this.#options.edgeId });
  }

  /** Says that this stream is over. */
  release({ roomId, epoch }: Stream): void {
    this.#want({ roomId, epoch, edgeId: '' });
  }

  /** Errors: COORD_UNAVAILABLE, CACHE_BUSY. */
  find(hostId: number): Promise<Owner | undefined> {
    return this.#cache.get(hostId, async () => (await this.#options.coord.get<Owner>(keyOf(hostId)))?.value);
  }

  /** Errors: COORD_UNAVAILABLE, COORD_LIMIT. */
  watch(hostId: number): Promise<RecordView<Owner>> {
    return this.#options.coord.watch<Owner>(keyOf(hostId));
  }

  /** What is not written yet stays so: the edge leaves, and its records with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#writes);
  }

  #want(owner: Owner): void {
    const hostId = hostOfRoom(owner.roomId);
    const isUnderWay = this.#wanted.has(hostId);
    this.#wanted.set(hostId, owner);
    if (isUnderWay) return;
    const write = this.#write(hostId).finally(() => this.#writes.delete(write));
    this.#writes.add(write);
  }

  async #write(hostId: number): Promise<void> {
    const { signal } = this.#closing;
    const backoff = new Backoff(retry);
    for (let owner = this.#wanted.get(hostId); owner && !signal.aborted; owner = this.#wanted.get(hostId)) {
      try {
        const isDone = await this.#put(hostId, owner);
        if (isDone && this.#wanted.get(hostId) === owner) this.#wanted.delete(hostId);
      } catch (error) {
        this.#options.events.ownersFailed(error);
        await backoff.wait(signal).catch(() => undefined);
      }
    }
    this.#wanted.delete(hostId);
  }

  /** False when another wrote in between. */
  async #put(hostId: number, owner: Owner): Promise<boolean> {
    const { coord, edgeId, events } = this.#options;
    const present = await coord.get<Owner>(keyOf(hostId));
    if (present && isObsolete(owner, present.value, edgeId)) return true;
    const written = await coord.cas(keyOf(hostId), present?.version ?? 0, owner);
    if (!written) return false;
    this.#cache.delete(hostId);
    events.ownerWritten();
    return true;
  }
}

/** A newer room or publisher stands there; or what is to be cleared is not ours, or not there. */
function isObsolete(owner: Owner, present: Owner, edgeId: string): boolean {
  if (present.roomId !== owner.roomId) return present.roomId > owner.roomId;
  if (present.epoch > owner.epoch) return true;
  return owner.edgeId === '' && present.edgeId !== edgeId;
}

function keyOf(hostId: number): string {
  return `edge/owner/${hostId}`;
}
