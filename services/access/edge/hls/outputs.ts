import type { Clock } from '@gala/lib/clock';
import type { HlsConfig } from '../config.ts';
import type { EdgeEvents, HlsRelease } from '../events.ts';
import type { Stream } from '../stream.ts';
import type { BlockedPlaces } from './blocked.ts';
import { HlsOutput } from './output.ts';

export interface HlsOutputsOptions {
  readonly clock: Clock;
  readonly config: HlsConfig;
  readonly events: EdgeEvents;
  /** Requests of the process that may wait at once. */
  readonly blockedMax: number;
}

const checkMs = 1_000;

/**
 * The HLS outputs of this process: one for each stream that somebody asks for, from the first request until
 * nobody has asked for a while. Bounded in memory for each stream and for all: the stream that is over its bound,
 * or the one that was asked for longest ago, begins anew with its next request, and that is counted.
 */
export class HlsOutputs implements Disposable {
  readonly places: BlockedPlaces;
  readonly #options: HlsOutputsOptions;
  readonly #byRoom = new Map<number, HlsOutput>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: HlsOutputsOptions) {
    this.#options = options;
    this.places = { taken: 0, max: options.blockedMax };
    this.#timer = setInterval(() => this.#check(), checkMs);
    this.#timer.unref();
  }

  get size(): number {
    return this.#byRoom.size;
  }

  get bytes(): number {
    let bytes = 0;
    for (const output of this.#byRoom.values()) bytes += output.bytes;
    return bytes;
  }

  /** The output of a room, if it has begun; it may be one whose stream is over. */
  get(roomId: number): HlsOutput | undefined {
    return this.#byRoom.get(roomId);
  }

  /** The output of a stream; it begins if it has not. */
  of(stream: Stream): HlsOutput {
    const present = this.get(stream.roomId);
    if (present?.stream === stream) return present;
    if (present) this.#release(present, 'replaced');
    const { clock, config, events } = this.#options;
    const onGrown = (grown: HlsOutput): void => this.#bound(grown);
    const output = new HlsOutput({ stream, clock, config, places: this.places, onGrown });
    this.#byRoom.set(stream.roomId, output);
    events.hlsBegun(stream.roomId);
    stream.addOutput(output);
    return output;
  }

  /** Blocked requests are told to come again; streams that end later do not end playlists. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const output of this.#byRoom.values()) this.#release(output, 'closing');
  }

  #bound(grown: HlsOutput): void {
    if (this.get(grown.stream.roomId) !== grown) return;
    const { streamBytesMax, bytesMax } = this.#options.config;
    if (grown.bytes > streamBytesMax) this.#release(grown, 'stream_too_large');
    while (this.size > 0 && this.bytes > bytesMax) {
      const [oldest] = [...this.#byRoom.values()].toSorted((a, b) => a.askedAtMs - b.askedAtMs);
      this.#release(oldest, 'process_full');
    }
  }

  #check(): void {
    const { clock, config } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const output of this.#byRoom.values()) {
      const { askedAtMs, endedAtMs } = output;
      // Who watches the end of a broadcast may be as far behind as the window is long.
      if (endedAtMs !== undefined && nowMs - endedAtMs > config.windowMs + config.idleMs) {
        this.#release(output, 'over');
      } else if (nowMs - askedAtMs > config.idleMs) this.#release(output, 'idle');
      else output.expire();
    }
  }

  #release(output: HlsOutput, reason: HlsRelease): void {
    this.#byRoom.delete(output.stream.roomId);
    output.release();
    this.#options.events.hlsReleased(output.stream.roomId, reason);
  }
}
