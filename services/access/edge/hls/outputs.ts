import type { Clock } from '@gala/lib/clock';
import type { HlsConfig } from '../config.ts';
import type { EdgeEvents, HlsRelease } from '../events.ts';
import type { Stream } from '../stream.ts';
import type { BlockedPlaces } from './blocked.ts';
import type { HlsForm, HlsFormName } from './forms.ts';
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
 * Discontinuities have numbers by the epochs of their room, which rise with each publisher, also when that comes to
 * another process; this many are left for what else begins anew. They must stay small: hls.js walks through all that
 * there could have been.
 */
const discontinuitiesPerEpoch = 10;

/**
 * The HLS outputs of this process: one for each stream and form that somebody asks for, from the first request
 * until nobody has asked for a while. Bounded in memory for each stream and for all: at a bound, what was asked for
 * longest ago goes and begins anew with its next request, and that is counted.
 */
export class HlsOutputs implements Disposable {
  readonly places: BlockedPlaces;
  readonly #options: HlsOutputsOptions;
  readonly #byKey = new Map<string, Map<HlsFormName, HlsOutput>>();
  /** Where the numbers of discontinuities of a stream are: all its forms go on from there. */
  readonly #discontinuities = new WeakMap<Stream, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: HlsOutputsOptions) {
    this.#options = options;
    this.places = { taken: 0, max: options.blockedMax };
    this.#timer = setInterval(() => this.#check(), checkMs);
    this.#timer.unref();
  }

  get size(): number {
    let size = 0;
    for (const outputs of this.#byKey.values()) size += outputs.size;
    return size;
  }

  get bytes(): number {
    let bytes = 0;
    for (const key of this.#byKey.keys()) bytes += this.#bytesOf(key);
    return bytes;
  }

  /** The output of a stream, by its `key`, in a form, if it has begun; it may be one whose stream is over. */
  get(key: string, form: HlsForm): HlsOutput | undefined {
    return this.#byKey.get(key)?.get(form.name);
  }

  /** All that is cut of a stream. */
  ofKey(key: string): HlsOutput[] {
    return [...(this.#byKey.get(key)?.values() ?? [])];
  }

  /** The output of a stream in a form; it begins if it has not. */
  of(stream: Stream, form: HlsForm): HlsOutput {
    const present = this.get(stream.key, form);
    if (present?.stream === stream) return present;
    for (const output of this.ofKey(stream.key)) {
      if (output.stream !== stream) this.#release(output, 'replaced');
    }
    const { clock, config, events } = this.#options;
    const onGrown = (grown: HlsOutput): void => this.#bound(grown);
    const siblings = this.ofKey(stream.key);
    const discontinuity = this.#discontinuityOf(stream);
    const given = { clock, config, places: this.places, onGrown };
    const output = new HlsOutput({ stream, form, discontinuity, ...given });
    this.#byKey.set(stream.key, new Map([...siblings, output].map((each) => [each.form.name, each])));
    this.#shareMemory(stream.key);
    events.hlsBegun(stream.roomId, form.name);
    stream.addOutput(output);
    return output;
  }

  /** Nothing of this stream is kept: it ended because nobody watched. */
  drop(stream: Stream): void {
    for (const output of this.ofKey(stream.key)) this.#release(output, 'idle');
  }

  /** Blocked requests are told to come again; streams that end later do not end playlists. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const output of this.#all()) this.#release(output, 'closing');
  }

  #discontinuityOf(stream: Stream): number {
    const [sibling] = this.ofKey(stream.key);
    const known = sibling?.lastDiscontinuity ?? this.#discontinuities.get(stream);
    return known ?? stream.epoch * discontinuitiesPerEpoch;
  }

  #all(): HlsOutput[] {
    return [...this.#byKey.values()].flatMap((outputs) => [...outputs.values()]);
  }

  #bytesOf(key: string): number {
    let bytes = 0;
    for (const output of this.#byKey.get(key)?.values() ?? []) bytes += output.bytes;
    return bytes;
  }

  #bound(grown: HlsOutput): void {
    const { key } = grown.stream;
    if (this.get(key, grown.form) !== grown) return;
    const { streamBytesMax, bytesMax } = this.#options.config;
    while (this.#bytesOf(key) > streamBytesMax) {
      this.#release(idlest(this.ofKey(key)), 'stream_too_large');
    }
    while (this.size > 0 && this.bytes > bytesMax) this.#release(idlest(this.#all()), 'process_full');
  }

  /** The forms of a stream share the memory of one. */
  #shareMemory(key: string): void {
    const outputs = this.ofKey(key);
    const weights = outputs.reduce((sum, { form }) => sum + form.memoryWeight, 0);
    for (const output of outputs) {
      output.bytesMax = (this.#options.config.streamBytesMax * output.form.memoryWeight) / weights;
    }
  }

  #check(): void {
    const { clock, config } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const output of this.#all()) {
      const { askedAtMs, endedAtMs } = output;
      // Who watches the end of a broadcast may be as far behind as the window is long.
      if (endedAtMs !== undefined && nowMs - endedAtMs > config.windowMs + config.idleMs) {
        this.#release(output, 'over');
      } else if (nowMs - askedAtMs > config.idleMs) this.#release(output, 'idle');
      else output.expire();
    }
  }

  #release(output: HlsOutput, reason: HlsRelease): void {
    const { stream, form } = output;
    this.#discontinuities.set(stream, output.lastDiscontinuity);
    const outputs = this.#byKey.get(stream.key);
    outputs?.delete(form.name);
    if (outputs?.size === 0) this.#byKey.delete(stream.key);
    output.release();
    this.#shareMemory(stream.key);
    this.#options.events.hlsReleased(stream.roomId, form.name, reason);
  }
}

/** What was asked for longest ago. */
function idlest(outputs: readonly HlsOutput[]): HlsOutput {
  return outputs.toSorted((a, b) => a.askedAtMs - b.askedAtMs)[0];
}
