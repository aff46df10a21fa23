import type { Collections } from '@gala/lib/collections';
import type { RoomState } from '@gala/protocol/signals';
import { Fans, fansMax, type FanChange } from './fans.ts';
import { KeptRooms, type HowClosed } from './kept-rooms.ts';

export const fanCounterNames = ['writes', 'writesFailed', 'loadsFailed', 'dropped'] as const;
export type FanCounters = Record<(typeof fanCounterNames)[number], number>;

export interface FanKeeperOptions {
  readonly collections: Pick<Collections, 'ranks' | 'expire'>;
  readonly counters: FanCounters;
  readonly writeEveryMs?: number;
}

/** What one room may write at a time; the rest follows. */
const changesMax = 256;
const loadMax = 1000;
const ttlMs = 3 * 86_400_000;
const endedTtlMs = 3_600_000;
/** What the rank of a room keeps of all who ever did something for it. */
const keptMax = 10_000;

interface Kept {
  readonly roomId: number;
  readonly fans: Fans;
  isLoaded: boolean;
  readonly told: RoomState['rank'] | undefined;
}

/** Keeps the fans of all rooms of a process in the collections, in batches, so that the next owner has them. */
export class FanKeeper implements AsyncDisposable {
  readonly #options: FanKeeperOptions;
  readonly #rooms: KeptRooms<Kept>;

  constructor(options: FanKeeperOptions) {
    this.#options = options;
    const { writeEveryMs = 3000 } = options;
    this.#rooms = new KeptRooms({
      dueMs: () => (this.#rooms.size > 0 ? writeEveryMs : undefined),
      write: () => this.#writeAll(),
      close: (kept, how) => this.#close(kept, how),
    });
  }

  /** @param told the part `rank` as it was told last: it has the names. What was written comes when it can be read. */
  async open(roomId: number, told: RoomState['rank'] | undefined): Promise<Fans> {
    await this.#rooms.closed(roomId);
    const kept: Kept = { roomId, fans: new Fans(), isLoaded: false, told };
    this.#rooms.add(kept);
    void this.#load(kept);
    return kept.fans;
  }

  /** The room is owned here no longer. */
  close(roomId: number, how: HowClosed): Promise<void> {
    return this.#rooms.close(roomId, how);
  }

  flush(): Promise<void> {
    return this.#rooms.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#rooms[Symbol.asyncDispose]();
  }

  async #close(kept: Kept, how: HowClosed): Promise<void> {
    if (how === 'lost') return;
    while (!kept.fans.isWritten && (await this.#save(kept)));
    if (how !== 'ended') return;
    await this.#options.collections.expire(fansKeyOf(kept.roomId), endedTtlMs).catch(() => undefined);
  }

  async #writeAll(): Promise<void> {
    for (const kept of this.#rooms) {
      if (kept.fans.isWritten && kept.isLoaded) continue;
      if (!(await this.#save(kept))) return;
    }
  }

  async #save(kept: Kept): Promise<boolean> {
    const { counters, collections } = this.#options;
    if (!kept.isLoaded && !(await this.#load(kept))) return false;
    const { fans } = kept;
    counters.dropped += fans.dropped;
    fans.dropped = 0;
    const changes = fans.takeUnwritten(changesMax);
    if (changes.length === 0) return true;
    const key = fansKeyOf(kept.roomId);
    const written = await Promise.all([this.#put(key, fans, changes), this.#increment(key, fans, changes)]);
    if (!written.every(Boolean)) return false;
    await collections.ranks
      .trim(key, keptMax)
      .then(() => collections.expire(key, ttlMs))
      .catch(() => undefined);
    return true;
  }

  /** Those whose score is known: written twice it is the same. */
  async #put(key: string, fans: Fans, all: readonly FanChange[]): Promise<boolean> {
    const known = all.filter(({ score }) => score !== undefined);
    if (known.length === 0) return true;
    const scores = Object.fromEntries(known.map(({ userId, score }) => [String(userId), score!]));
    return this.#tried(fans, known, async () => {
      await this.#options.collections.ranks.set(key, scores);
      return known.map(({ score }) => score!);
    });
  }

  async #increment(key: string, fans: Fans, all: readonly FanChange[]): Promise<boolean> {
    const { ranks } = this.#options.collections;
    const added = all
      .filter(({ score }) => score === undefined)
      .map((change) =>
        this.#tried(fans, [change], async () => [
          await ranks.increment(key, String(change.userId), change.by),
        ]),
      );
    return (await Promise.all(added)).every(Boolean);
  }

  async #tried(
    fans: Fans,
    changes: readonly FanChange[],
    write: () => Promise<readonly number[]>,
  ): Promise<boolean> {
    const { counters } = this.#options;
    try {
      const scores = await write();
      counters.writes += changes.length;
      for (const [at, change] of changes.entries()) fans.written(change, scores[at]);
      return true;
    } catch {
      counters.writesFailed += changes.length;
      for (const change of changes) fans.failed(change);
      return false;
    }
  }

  async #load(kept: Kept): Promise<boolean> {
    const { collections, counters } = this.#options;
    try {
      const key = fansKeyOf(kept.roomId);
      const ranked = await collections.ranks.top(key, Math.min(loadMax, fansMax));
      if (!kept.isLoaded) {
        kept.fans.load(new Map(ranked.map(({ member, score }) => [Number(member), score])), kept.told);
      }
      kept.isLoaded = true;
      return true;
    } catch {
      counters.loadsFailed++;
      return false;
    }
  }
}

function fansKeyOf(roomId: number): string {
  return `{room:${roomId}}:fans`;
}
