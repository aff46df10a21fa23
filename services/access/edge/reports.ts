import { hasCode } from '@gala/lib/error';
import { Backoff, Ticker } from '@gala/lib/lifecycle';
import type { Logger } from '@gala/lib/logger';
import type { Client } from '@gala/lib/rpc';
import { StreamEvent, StreamOrder, type RoomService } from '@gala/protocol/room';
import type { EdgeEvents } from './events.ts';
import { playsOf } from './plays.ts';
import type { Stream } from './stream.ts';
import type { Streams } from './streams.ts';

/** Reports of one room that wait for the room service at most; the oldest is given up beyond it. */
const waitingMax = 16;
const retryMs = { initialMs: 200, maxMs: 5_000 };
const beatMs = 1_000;
/** How long the last reports may take when the edge closes. */
const closeMsMax = 1_000;

interface Report {
  readonly stream: Stream;
  readonly epoch: number;
  readonly sequence: number;
  readonly event: StreamEvent;
  readonly reason: string;
  readonly videoCodec: string;
  readonly audioCodec: string;
  readonly renditionLines: number[];
}

export interface ReportsOptions {
  readonly edgeId: string;
  readonly rooms: Client<typeof RoomService>;
  readonly streams: Streams;
  readonly events: EdgeEvents;
  /** The room service wants this stream stopped under the epoch that it has. */
  readonly onStop: (stream: Stream) => void;
  readonly logger: Logger;
  /** Renditions that a stream may have, by the lines of their shorter side. */
  readonly renditionLines: (stream: Stream) => number[];
}

/**
 * What the room service is told: each change of a stream, in order and until it is acknowledged, and once a
 * second what this edge carries. The answers are orders: a stale or ended room stops here.
 */
export class Reports implements AsyncDisposable {
  readonly #options: ReportsOptions;
  /** By room; bounded by the streams of this edge. */
  readonly #queues = new Map<number, Report[]>();
  readonly #deliveries = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  readonly #beats: Ticker;
  #sequence = 0;

  constructor(options: ReportsOptions) {
    this.#options = options;
    const { logger } = options;
    const run = (signal: AbortSignal): Promise<void> => this.#beat(signal);
    this.#beats = new Ticker({ name: 'edge heart-beat', intervalMs: beatMs, run, logger });
  }

  /** Queues one event of a stream. */
  send(stream: Stream, event: StreamEvent, reason: string): void {
    const { epoch, codecs } = stream;
    const renditionLines = this.#options.renditionLines(stream);
    const made = { videoCodec: codecs.video, audioCodec: codecs.audio, renditionLines };
    const report: Report = { stream, epoch, sequence: ++this.#sequence, event, reason, ...made };
    const queue = this.#queues.get(stream.roomId);
    if (queue) this.#enqueue(queue, report);
    else this.#start(report);
  }

  /** Tells what a stream is made of from now on, if it has begun: else that comes with its start. */
  readonly codecsChanged = (stream: Stream): void => {
    if (stream.isOwner) this.send(stream, StreamEvent.STARTED, 'codecs changed');
  };

  /** Delivers what waits, for a second at most, and stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => this.#closing.abort(), closeMsMax);
    await this.#beats[Symbol.asyncDispose]();
    await Promise.all(this.#deliveries);
    clearTimeout(timer);
  }

  #enqueue(queue: Report[], report: Report): void {
    queue.push(report);
    if (queue.length <= waitingMax) return;
    queue.shift();
    this.#options.events.reportDropped(report.stream.roomId);
  }

  #start(report: Report): void {
    const { roomId } = report.stream;
    const queue = [report];
    this.#queues.set(roomId, queue);
    const delivery = this.#deliverAll(roomId, queue);
    this.#deliveries.add(delivery);
    void delivery.then(() => this.#deliveries.delete(delivery));
  }

  async #deliverAll(roomId: number, queue: Report[]): Promise<void> {
    const { signal } = this.#closing;
    const backoff = new Backoff(retryMs);
    for (let report = queue[0]; report && !signal.aborted; report = queue[0]) {
      if (await this.#deliver(report, backoff.attempts > 0)) {
        backoff.reset();
        // While it was on its way the queue may have overflowed and lost it already.
        if (queue[0] === report) queue.shift();
      } else {
        await backoff.wait(signal).catch(() => undefined);
      }
    }
    this.#queues.delete(roomId);
  }

  /** True when the room service has it, or will never want it. */
  async #deliver({ stream, ...report }: Report, isRetry: boolean): Promise<boolean> {
    const { edgeId, rooms, events } = this.#options;
    const { signal } = this.#closing;
    try {
      const ids = { roomId: BigInt(stream.roomId), epoch: BigInt(report.epoch), edgeId };
      const { order } = await rooms.reportStream({ ...report, ...ids }, { signal });
      this.#obey(order, stream, report.epoch);
      return true;
    } catch (error) {
      if (hasCode(error, 'ROOM_UNKNOWN', 'INVALID_REQUEST')) return true;
      if (!isRetry && !signal.aborted) events.reportFailed(stream.roomId, error);
      return false;
    }
  }

  /** An order is about the epoch that was named: a publisher that came later goes on. */
  #obey(order: StreamOrder, stream: Stream, epoch: number): void {
    if (order === StreamOrder.STOP && stream.epoch === epoch) this.#options.onStop(stream);
  }

  async #beat(signal: AbortSignal): Promise<void> {
    const { edgeId, rooms, streams, events } = this.#options;
    const carried = [...streams];
    const epochs = new Map(carried.map((stream) => [stream, stream.epoch]));
    try {
      const answer = await rooms.reportEdge({ edgeId, streams: carried.map(describe) }, { signal });
      events.beatAnswered();
      const stops = new Set(answer.stopRoomIds.map(Number));
      for (const [stream, epoch] of epochs) {
        if (stops.has(stream.roomId)) this.#obey(StreamOrder.STOP, stream, epoch);
      }
    } catch (error) {
      if (!signal.aborted) events.beatFailed(error);
    }
  }
}

function describe(stream: Stream) {
  return {
    roomId: BigInt(stream.roomId),
    epoch: BigInt(stream.epoch),
    viewers: stream.viewerCount,
    bitsPerSecond: BigInt(stream.stats.bitsPerSecond),
    held: stream.state === 'hold',
    relayed: !stream.isOwner,
    plays: BigInt(playsOf(stream)),
    beganAtMs: BigInt(stream.beganAtMs),
  };
}
