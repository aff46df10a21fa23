import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '@gala/lib/clock';
import { CodedError, hasCode } from '@gala/lib/error';
import type { EventLog, LogRecord, Position } from '@gala/lib/eventlog';
import { abortable, Backoff } from '@gala/lib/lifecycle';
import { interactionErrors } from '@gala/protocol/errors';
import { signalTopic } from '@gala/protocol/signals';
import type { InteractionConfig } from '../config.ts';
import type { InteractionEvents } from '../events.ts';
import type { Checkpoint, Checkpoints } from './checkpoints.ts';
import { decodeRecord, numberAt, type DurableRecord } from './record.ts';
import { RoomTail } from './room-tail.ts';

export interface TailOptions {
  readonly log: Pick<EventLog, 'end' | 'follow'>;
  readonly checkpoints: Checkpoints;
  readonly clock: Clock;
  readonly config: Pick<InteractionConfig, 'durableTailMs' | 'durableTailMax' | 'durableTailBytesMax'>;
  readonly events: InteractionEvents;
  /** Hears of each record that is new here. */
  readonly onRecord: (roomId: number, record: DurableRecord) => void;
}

/** What a reader lacks of a room's control and money signals. */
export interface Missed {
  readonly records: readonly DurableRecord[];
  /** False: some are so old that nobody here knows them any more. */
  readonly isComplete: boolean;
}

const retry = { initialMs: 100, maxMs: 2000 };
/** Records that a first start reads from the beginning of the log. */
const wholeMax = 20_000;
const trimEveryMs = 10_000;
/** Clocks of two processes may differ by so much. */
const clockSkewMs = 5000;

/**
 * Follows the log of control and money signals and keeps the last of each room, so that whoever becomes the owner of
 * one knows what its viewers were promised. Every process of the role does, before it owns anything.
 */
export class DurableTail implements AsyncDisposable {
  readonly #options: TailOptions;
  readonly #rooms = new Map<number, RoomTail>();
  readonly #next = new Map<number, Position>();
  readonly #stop = new AbortController();
  readonly #waiting = new Set<() => void>();
  readonly #done: Promise<void>;
  /** Numbers up to here may be of records from before what is followed. */
  #floor = Infinity;
  #bytes = 0;
  #trimmedAtMs = 0;

  constructor(options: TailOptions) {
    this.#options = options;
    this.#done = this.#run();
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Number of the last that is known of a room; 0 for none. */
  lastOf(roomId: number): number {
    return this.#rooms.get(roomId)?.last ?? 0;
  }

  /** What a room's viewers were told lately, oldest first. */
  of(roomId: number): readonly DurableRecord[] {
    return this.#rooms.get(roomId)?.records.map(({ record }) => record) ?? [];
  }

  after(roomId: number, number: number): Missed {
    const tail = this.#rooms.get(roomId);
    const oldest = this.#options.clock.nowMs() - this.#options.config.durableTailMs;
    const known = Math.max(this.#floor, tail?.forgotten ?? 0, numberAt(oldest));
    const records = this.of(roomId).filter((record) => record.number > number);
    return { records, isComplete: number >= known };
  }

  /** Everything that the log has now is known here. Errors: SIGNALS_UNDURABLE. */
  async caughtUp(signal: AbortSignal): Promise<void> {
    const all = AbortSignal.any([signal, this.#stop.signal]);
    try {
      const end = await abortable(this.#options.log.end(signalTopic), all);
      while (!this.#hasReached(end)) await this.#progress(all);
    } catch (cause) {
      throw new CodedError(interactionErrors, 'SIGNALS_UNDURABLE', { cause });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
    await this.#options.checkpoints.write(this.#options.clock.nowMs()).catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const backoff = new Backoff(retry);
    while (!signal.aborted) {
      try {
        await this.#begin();
        backoff.reset();
        await this.#follow();
      } catch (error) {
        if (signal.aborted) return;
        this.#options.events.tailFailed(error);
        // What follows is not kept, or is another log's: what comes from now on is known, and no more is claimed.
        if (hasCode(error, 'LOG_TRIMMED')) this.#next.clear();
        await backoff.wait(signal).catch(() => undefined);
      }
    }
  }

  /** From the checkpoint at first, later from where it was. */
  async #begin(): Promise<void> {
    if (this.#next.size > 0) return;
    const { checkpoints } = this.#options;
    const isFirst = this.#floor === Infinity;
    const checkpoint = (isFirst && (await checkpoints.read())) || (await this.#fromLog(isFirst));
    for (const position of checkpoint.positions) this.#next.set(position.partition, position);
    this.#floor = numberAt(checkpoint.atMs + clockSkewMs);
    checkpoints.begin(checkpoint);
  }

  /** The whole log while it is short: then all is known that was ever said. Otherwise what comes from now on. */
  async #fromLog(mayBeWhole: boolean): Promise<Checkpoint> {
    const { log, clock } = this.#options;
    const end = await log.end(signalTopic);
    const records = end.reduce((sum, { offset }) => sum + offset, 0);
    if (!mayBeWhole || records > wholeMax) return { atMs: clock.nowMs(), positions: end };
    return { atMs: 0, positions: end.map(({ partition }) => ({ partition, offset: 0 })) };
  }

  async #follow(): Promise<void> {
    const { log } = this.#options;
    for await (const { partition, records } of log.follow(
      signalTopic,
      [...this.#next.values()],
      this.#stop.signal,
    )) {
      for (const record of records) this.#take(record);
      const { offset, producer, sequence, writtenAtMs } = records.at(-1)!;
      this.#next.set(partition, {
        partition,
        offset: offset + 1,
        after: { producer, sequence, writtenAtMs },
      });
      this.#note();
    }
  }

  #take({ key, value }: LogRecord): void {
    const { events, onRecord, config } = this.#options;
    const roomId = Number(key);
    const record = decodeRecord(value);
    if (!record) return;
    const tail = this.#tailOf(roomId);
    if (record.epoch < tail.epoch) {
      // Written by an owner that had lost its lease: it was not acknowledged.
      events.counters.durableStale++;
      return;
    }
    events.counters.durableFollowed++;
    tail.add(record, value.length);
    this.#bytes += value.length - tail.trim(config.durableTailMax, 0);
    this.#bound();
    onRecord(roomId, record);
  }

  /** The room that was written to last is the last of the map. */
  #tailOf(roomId: number): RoomTail {
    const tail = this.#rooms.get(roomId) ?? new RoomTail(roomId);
    this.#rooms.delete(roomId);
    this.#rooms.set(roomId, tail);
    return tail;
  }

  /** Rooms that were silent longest are forgotten first; what is known ends with the last number of theirs. */
  #bound(): void {
    for (const tail of this.#rooms.values()) {
      if (this.#bytes <= this.#options.config.durableTailBytesMax) return;
      this.#options.events.counters.durableForgotten += tail.records.length;
      this.#floor = Math.max(this.#floor, tail.last);
      this.#forget(tail);
    }
  }

  #forget(tail: RoomTail): void {
    this.#bytes -= tail.bytes;
    this.#rooms.delete(tail.roomId);
  }

  #note(): void {
    for (const wake of this.#waiting) wake();
    const { clock, config, checkpoints } = this.#options;
    const nowMs = clock.nowMs();
    checkpoints.note([...this.#next.values()], nowMs);
    if (nowMs - this.#trimmedAtMs < trimEveryMs) return;
    this.#trimmedAtMs = nowMs;
    for (const tail of this.#rooms.values()) {
      this.#bytes -= tail.trim(config.durableTailMax, nowMs - config.durableTailMs);
      if (tail.records.length === 0) this.#forget(tail);
    }
  }

  #hasReached(end: readonly Position[]): boolean {
    return end.every(({ partition, offset }) => (this.#next.get(partition)?.offset ?? -1) >= offset);
  }

  /** Until more was followed, or a moment later: reading may have begun anew meanwhile. */
  async #progress(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    try {
      await Promise.race([promise, delay(50, undefined, { signal })]);
    } finally {
      this.#waiting.delete(resolve);
    }
  }
}
