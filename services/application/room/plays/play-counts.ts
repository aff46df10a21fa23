import { setTimeout as delay } from 'node:timers/promises';
import { LoadingCache, loadingCacheCounterNames } from '@gala/lib/cache';
import type { Clock } from '@gala/lib/clock';
import type { Collections } from '@gala/lib/collections';
import type { Metrics } from '@gala/lib/metrics';
import type { Database, Sql } from '@gala/lib/sql';
import { shardOfRoom } from '@gala/protocol/ids';
import type { RoomConfig } from '../config.ts';
import { savePlays, sumPlays, type SourcePlays } from '../store/plays.ts';

/** Of one statement. */
const rowsPerBatch = 500;
/** Counts that wait to be written, and counts that are known to be written. */
const waitingMax = 100_000;
const writtenMax = 200_000;
/** Others read what one has summed up instead of the database. */
const sharedTtlMs = 10_000;
const shownTtlMs = 2000;
const staleMsMax = 86_400_000;

const counterNames = ['counted', 'dropped', 'flushes', 'flushesFailed', 'sharesFailed'] as const;

export type PlaySwitch = 'on' | 'frozen' | 'off';

export interface PlayCountsParts {
  readonly sql: Sql;
  readonly collections: Pick<Collections, 'get' | 'set'>;
  readonly clock: Clock;
  readonly config: Pick<RoomConfig, 'playFlushMs' | 'cacheEntriesMax'>;
  readonly metrics: Metrics;
  /** The switch `playCounts`. */
  readonly state: () => PlaySwitch;
}

/** What a heart-beat says of the plays of one stream. */
export interface ToldPlays {
  readonly roomId: number;
  readonly plays: number;
  readonly beganAtMs: number;
}

/**
 * How often rooms were played, as edges count it. Heart-beats only note counts in memory; they are written in bounded
 * batches, and sums are shared through the collections, so that no reader and no beat waits for a database. A count
 * never falls and names its edge and stream, so whoever tells it, and however often, it counts once.
 */
export class PlayCounts implements AsyncDisposable {
  readonly #parts: PlayCountsParts;
  readonly #waiting = new Map<string, SourcePlays>();
  /** In the order in which they were written last. */
  readonly #written = new Map<string, number>();
  readonly #shown: LoadingCache<number, number>;
  readonly #counters: Record<(typeof counterNames)[number], number>;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(parts: PlayCountsParts) {
    this.#parts = parts;
    const { clock, config, metrics } = parts;
    this.#counters = metrics.counters('room_plays', counterNames);
    metrics.gauge('gala_room_plays_waiting', 'counts that are not written yet', () => this.#waiting.size);
    this.#shown = new LoadingCache({
      clock,
      entriesMax: config.cacheEntriesMax,
      ttlMs: shownTtlMs,
      staleMsMax,
      counters: metrics.counters('room_plays_cache', loadingCacheCounterNames),
    });
    this.#done = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
    await this.flush();
  }

  note(edgeId: string, told: readonly ToldPlays[]): void {
    if (this.#parts.state() !== 'on') return;
    for (const { roomId, plays, beganAtMs } of told) {
      if (plays === 0) continue;
      const source = `${edgeId}/${beganAtMs}`;
      const key = `${roomId} ${source}`;
      if (plays <= (this.#waiting.get(key)?.plays ?? this.#written.get(key) ?? 0)) continue;
      if (this.#waiting.size >= waitingMax && !this.#waiting.has(key)) this.#counters.dropped++;
      else this.#waiting.set(key, { roomId, source, plays });
    }
  }

  /**
   * Plays of a room; undefined while they are not shown or not known. Frozen, and while a database is down, it is the
   * last that was known.
   */
  async of(roomId: number): Promise<number | undefined> {
    if (this.#parts.state() === 'off') return undefined;
    return this.#shown.get(roomId, () => this.#read(roomId)).catch(() => undefined);
  }

  /** Writes what waits. What cannot be written waits on, unless nothing is to be counted any more. */
  async flush(): Promise<void> {
    const { sql, state } = this.#parts;
    if (state() !== 'on') return;
    const databases = new Map(sql.shards().map((database) => [database.name, database]));
    const byDatabase = Map.groupBy(this.#waiting, ([, { roomId }]) => sql.shard(shardOfRoom(roomId)).name);
    const flushing = [...byDatabase].map(([name, counts]) => this.#flushTo(databases.get(name)!, counts));
    await Promise.all(flushing);
  }

  async #flushTo(database: Database, counts: readonly [string, SourcePlays][]): Promise<void> {
    try {
      for (let at = 0; at < counts.length; at += rowsPerBatch) {
        const batch = counts.slice(at, at + rowsPerBatch);
        const here = await savePlays(
          database,
          batch.map(([, count]) => count),
        );
        this.#counters.flushes++;
        this.#settle(batch.filter(([, { roomId }]) => here.has(roomId)));
        await this.#share(await sumPlays(database, [...here]));
      }
    } catch {
      this.#counters.flushesFailed++;
    }
  }

  #settle(batch: readonly [string, SourcePlays][]): void {
    for (const [key, count] of batch) {
      if (this.#waiting.get(key) === count) this.#waiting.delete(key);
      this.#counters.counted += count.plays - (this.#written.get(key) ?? 0);
      this.#written.delete(key);
      this.#written.set(key, count.plays);
      if (this.#written.size > writtenMax) this.#written.delete(this.#written.keys().next().value!);
    }
  }

  /** Sharing saves reads and nothing else. */
  async #share(sums: ReadonlyMap<number, number>): Promise<void> {
    const { collections } = this.#parts;
    const set = ([roomId, plays]: [number, number]) =>
      collections.set(keyOf(roomId), Buffer.from(String(plays)), sharedTtlMs);
    await Promise.all([...sums].map(set)).catch(() => void this.#counters.sharesFailed++);
  }

  async #read(roomId: number): Promise<number> {
    const { sql, collections } = this.#parts;
    const shared = await collections.get(keyOf(roomId)).catch(() => undefined);
    if (shared) return Number(shared.toString());
    const sums = await sumPlays(sql.shard(shardOfRoom(roomId)), [roomId]);
    return sums.get(roomId) ?? 0;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await delay(this.#parts.config.playFlushMs, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) await this.flush();
    }
  }
}

function keyOf(roomId: number): string {
  return `room-plays:${roomId}`;
}
