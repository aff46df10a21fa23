import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from '@gala/lib/error';
import { Backoff } from '@gala/lib/lifecycle';
import type { Client } from '@gala/lib/rpc';
import { RecordingState, type RoomService } from '@gala/protocol/room';
import type { RecordEvents } from './events.ts';
import { keyOf, type RecordingReport } from './recording.ts';

/** Files whose reports wait at most; the oldest is given up beyond it, and sent again after the next start. */
const waitingMax = 10_000;
const retryMs = { initialMs: 200, maxMs: 10_000 };
const closeMsMax = 1_000;

export interface RecordingReportsOptions {
  readonly rooms: Client<typeof RoomService>;
  /** Name of the folder of this process. */
  readonly folder: string;
  readonly events: RecordEvents;
  readonly onDelivered: (report: RecordingReport) => void;
}

const wireStates = {
  recording: RecordingState.RECORDING,
  done: RecordingState.DONE,
  failed: RecordingState.FAILED,
  removed: RecordingState.REMOVED,
} as const;

/** Tells the room service of each file, the newest state of it alone, until it is acknowledged. */
export class RecordingReports implements AsyncDisposable {
  readonly #options: RecordingReportsOptions;
  /** By the key of the file, oldest first. */
  readonly #waiting = new Map<string, RecordingReport>();
  readonly #closing = new AbortController();
  readonly #backoff = new Backoff(retryMs);
  #delivery: Promise<void> | undefined;

  constructor(options: RecordingReportsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.size;
  }

  send(report: RecordingReport): void {
    const key = keyOf(report, report.format);
    this.#waiting.delete(key);
    this.#waiting.set(key, report);
    const [oldest] = this.#waiting;
    if (oldest && this.#waiting.size > waitingMax) {
      this.#waiting.delete(oldest[0]);
      this.#options.events.reportDropped(oldest[1].roomId);
    }
    this.#delivery ??= this.#deliverAll().finally(() => (this.#delivery = undefined));
  }

  /** Delivers what waits, for a second at most, and stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => this.#closing.abort(), closeMsMax);
    await this.#delivery;
    clearTimeout(timer);
  }

  async #deliverAll(): Promise<void> {
    const { signal } = this.#closing;
    for (let next = first(this.#waiting); next && !signal.aborted; next = first(this.#waiting)) {
      const [key, report] = next;
      if (await this.#deliver(report)) {
        this.#backoff.reset();
        // While it was on its way a newer state may have taken its place.
        if (this.#waiting.get(key) === report) this.#waiting.delete(key);
      } else await delay(this.#backoff.nextMs(), undefined, { signal }).catch(() => undefined);
    }
  }

  /** True when the room service has it, or will never want it. */
  async #deliver(report: RecordingReport): Promise<boolean> {
    const { rooms, folder, events, onDelivered } = this.#options;
    const { signal } = this.#closing;
    const numbers = {
      roomId: BigInt(report.roomId),
      startedAtMs: BigInt(report.startedAtMs),
      durationMs: BigInt(Math.round(report.durationMs)),
      bytes: BigInt(report.bytes),
    };
    const { format, reason } = report;
    const recording = { ...numbers, format, reason, folder, state: wireStates[report.state] };
    try {
      await rooms.reportRecording({ recording }, { signal });
      onDelivered(report);
      return true;
    } catch (error) {
      if (hasCode(error, 'INVALID_REQUEST')) return true;
      if (this.#backoff.attempts === 0 && !signal.aborted) events.reportFailed(report.roomId, error);
      return false;
    }
  }
}

function first<Key, Value>(map: ReadonlyMap<Key, Value>): [Key, Value] | undefined {
  for (const entry of map) return entry;
  return undefined;
}
