import { hasCode } from '@gala/lib/error';
import type { Client } from '@gala/lib/rpc';
import type { RoomService } from '@gala/protocol/room';
import { StreamEvent, StreamOrder } from '@gala/protocol/room';
import type { EdgeEvents } from './events.ts';
import type { Stream } from './stream.ts';
import type { Streams } from './streams.ts';

/** Reports of one stream that wait for the room service at most; the oldest is given up beyond it. */
const waitingMax = 16;
const retryMs = { first: 200, max: 5_000 };
const beatMs = 1_000;

interface Report {
  readonly epoch: number;
  readonly sequence: number;
  readonly event: StreamEvent;
  readonly reason: string;
}

export interface ReportsOptions {
  readonly edgeId: string;
  readonly rooms: Client<typeof RoomService>;
  readonly streams: Streams;
  readonly events: EdgeEvents;
}

/**
 * What the room service is told: each change of a stream, in order and until it is acknowledged, and once a
 * second what this edge carries. The answers are orders: a stale or ended room stops here.
 */
export class Reports implements AsyncDisposable {
  readonly #options: ReportsOptions;
  readonly #queues = new Map<number, Report[]>();
  readonly #beat: NodeJS.Timeout;
  readonly #abort = new AbortController();
  readonly #deliveries = new Set<Promise<void>>();
  #sequence = 0;
  #beating: Promise<void> | undefined;

  constructor(options: ReportsOptions) {
    this.#options = options;
    this.#beat = setInterval(() => {
      this.#beating ??= this.#report().finally(() => (this.#beating = undefined));
    }, beatMs);
  }

  /** Queues one event of a stream. */
  send(stream: Stream, event: StreamEvent, reason: string): void {
    const report: Report = { epoch: stream.epoch, sequence: ++this.#sequence, event, reason };
    const waiting = this.#queues.get(stream.roomId);
    if (waiting) this.#enqueue(waiting, stream.roomId, report);
    else this.#start(stream, report);
  }

  /** Delivers what waits, within the time that the caller's shutdown has, and stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#beat);
    const timer = setTimeout(() => this.#abort.abort(), 1_000);
    await Promise.allSettled([...this.#deliveries, this.#beating]);
    clearTimeout(timer);
  }

  #enqueue(waiting: Report[], roomId: number, report: Report): void {
    waiting.push(report);
    if (waiting.length <= waitingMax) return;
    waiting.shift();
    this.#options.events.reportDropped(roomId);
  }

  #start(stream: Stream, report: Report): void {
    const queue = [report];
    this.#queues.set(stream.roomId, queue);
    const delivery = this.#deliverAll(stream, queue).finally(() => {
      this.#queues.delete(stream.roomId);
      this.#deliveries.delete(delivery);
    });
    this.#deliveries.add(delivery);
  }

  async #deliverAll(stream: Stream, queue: Report[]): Promise<void> {
    let delayMs = retryMs.first;
    while (queue.length > 0 && !this.#abort.signal.aborted) {
      if (await this.#deliver(stream, queue[0])) {
        queue.shift();
        delayMs = retryMs.first;
      } else {
        await delay(delayMs * (0.5 + Math.random()), this.#abort.signal);
        delayMs = Math.min(delayMs * 2, retryMs.max);
      }
    }
  }

  /** True when the room service has it, or will never want it. */
  async #deliver(stream: Stream, report: Report): Promise<boolean> {
    const { edgeId, rooms, events } = this.#options;
    try {
      const answer = await rooms.reportStream(
        { ...report, roomId: BigInt(stream.roomId), epoch: BigInt(report.epoch), edgeId },
        { signal: this.#abort.signal },
      );
      const isStale = answer.order === StreamOrder.STOP && report.epoch === stream.epoch;
      if (isStale) stream.end('stopped_by_room');
      return true;
    } catch (error) {
      if (hasCode(error, 'ROOM_UNKNOWN', 'INVALID_REQUEST')) return true;
      events.reportFailed(stream.roomId, error);
      return false;
    }
  }

  async #report(): Promise<void> {
    const { edgeId, rooms, streams, events } = this.#options;
    const carried = [...streams].map((stream) => ({
      roomId: BigInt(stream.roomId),
      epoch: BigInt(stream.epoch),
      viewers: stream.viewerCount,
      bitsPerSecond: BigInt(stream.stats.bitsPerSecond),
      held: stream.state === 'hold',
    }));
    try {
      const answer = await rooms.reportEdge({ edgeId, streams: carried }, { signal: this.#abort.signal });
      events.beatAnswered();
      for (const roomId of answer.stopRoomIds) streams.get(Number(roomId))?.end('stopped_by_room');
    } catch (error) {
      events.beatFailed(error);
    }
  }
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
