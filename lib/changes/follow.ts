import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from '../error/index.ts';
import type { Batch, EventLog, Position, Topic } from '../eventlog/types.ts';
import { positionAfter } from '../eventlog/positions.ts';
import { decodeChange, type Change } from './change.ts';

export interface FollowOptions {
  readonly log: Pick<EventLog, 'end' | 'follow'>;
  readonly topic: Topic;
  readonly signal: AbortSignal;
  /** Reads all rows of all databases anew; what is not in them is gone. Called first, and after each gap. */
  scan(signal: AbortSignal): Promise<void>;
  /**
   * One change, in order for each row. Some were in the scan already and some come twice: older versions of a row
   * change nothing. Never `gap`.
   */
  apply(change: Change): void;
  /** After the changes of a batch, for what is told on at once. */
  onBatch?(): void;
  /** `failure` is a scan or a read that is tried again. */
  onEvent?(event: FollowEvent, error?: unknown): void;
}

export type FollowEvent = 'scanned' | 'gap' | 'trimmed' | 'stale' | 'failure';

const retryMsFirst = 200;
const retryMsMax = 5000;

/**
 * Keeps a replica: where the log ends, then a scan, then everything after that place, so that whatever the scan was
 * too early for is in what follows. The databases are read at the beginning and when changes are missing, however
 * many replicas there are. Resolves when the signal is aborted.
 */
export async function followChanges(options: FollowOptions): Promise<void> {
  const { signal } = options;
  const follower = new Follower(options);
  let failures = 0;
  while (!signal.aborted) {
    try {
      await follower.run(() => (failures = 0));
    } catch (error) {
      if (signal.aborted) return;
      follower.failed(error);
      await delay(Math.min(retryMsMax, retryMsFirst * 2 ** Math.min(failures++, 10)), undefined, {
        signal,
      }).catch(() => undefined);
    }
  }
}

class Follower {
  readonly #options: FollowOptions;
  /** The next offset of each partition; undefined before a scan and after a gap. */
  #next: Map<number, Position> | undefined;
  /** Of each database the newest reader's fence, and the gap that was healed last. */
  readonly #fences = new Map<string, number>();
  readonly #healed = new Map<string, string>();

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  async run(onProgress: () => void): Promise<void> {
    const { log, topic, signal } = this.#options;
    this.#next ??= await this.#scan();
    for await (const batch of log.follow(topic, [...this.#next.values()], signal)) {
      onProgress();
      if (this.#take(batch)) {
        this.#next = undefined;
        return;
      }
    }
  }

  failed(error: unknown): void {
    const isTrimmed = hasCode(error, 'LOG_TRIMMED');
    if (isTrimmed) this.#next = undefined;
    this.#options.onEvent?.(isTrimmed ? 'trimmed' : 'failure', error);
  }

  async #scan(): Promise<Map<number, Position>> {
    const { log, topic, signal } = this.#options;
    const end = await log.end(topic);
    await this.#options.scan(signal);
    this.#options.onEvent?.('scanned');
    return new Map(end.map((position) => [position.partition, position]));
  }

  /** True when changes are missing. */
  #take({ partition, records }: Batch): boolean {
    for (const record of records) {
      if (this.#apply(decodeChange(record.value))) return true;
      this.#next?.set(partition, positionAfter(record));
    }
    this.#options.onBatch?.();
    return false;
  }

  #apply(change: Change): boolean {
    const { database, fence, kind } = change;
    if (fence < (this.#fences.get(database) ?? 0)) {
      // A reader that had lost its lease wrote this late: its successor has told it, or will.
      this.#options.onEvent?.('stale');
      return false;
    }
    this.#fences.set(database, fence);
    if (kind !== 'gap') {
      this.#options.apply(change);
      return false;
    }
    // Each lane of the log has a copy of it.
    const gap = `${fence}/${change.committedAtMs}`;
    if (this.#healed.get(database) === gap) return false;
    this.#healed.set(database, gap);
    this.#options.onEvent?.('gap');
    return true;
  }
}
