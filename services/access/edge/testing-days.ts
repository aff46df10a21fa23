import { ChunkReader, ChunkWriter, toRtmpMessage } from '@gala/media/rtmp';
import { holdTickMs } from './hold.ts';
import { Timeline } from './timeline.ts';

/*
 * For the promise (design, media) that the clocks of a stream drift at most 20 ms in 50 days across every wrap.
 * Encoders speak RTMP chunks into the timeline: at full frame rates for a minute around each wrap and each change of
 * publisher, and a few messages a second in between, which keeps the simulation short.
 */

type Track = 'audio' | 'video';

const dayMs = 86_400_000;
const endMs = 50 * dayMs;
const wireRange = 2 ** 32;
/** How much later than it was captured a message may arrive. */
export const lateMsMax = 80;
/** Pictures of 30/1.001 a second, captured up to this much off their beat; sound comes by its samples. */
const captureJitterMs = 8;
const frameMs: Readonly<Record<Track, number>> = { video: 1001 / 30, audio: 1024 / 48 };
const denseMs = 60_000;

interface Encoder {
  /** Its clock when it begins. */
  readonly wireMs: number;
  /** True time from which and until when it sends. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** The same numbers in 0 … 1 every time (a linear congruence modulo 2^32). */
function steadyNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / wireRange;
  };
}

/** One stream: what its publishers send, and how far the output is from the truth. */
class LongBroadcast {
  readonly timeline = new Timeline();
  /** The furthest that a track was from where its publisher began, and from the other track. */
  driftMs = 0;
  skewMs = 0;
  /** The furthest step of the output against the truth from one publisher to the next. */
  seamMs = 0;
  messages = 0;
  readonly #sparseMs: Readonly<Record<Track, number>>;
  readonly #number = steadyNumbers(50);
  readonly #lastOutMs = { audio: -1, video: -1 };
  readonly #errorMs = { audio: 0, video: 0 };
  /** What the output is off the truth since the present publisher began. */
  #baseMs: number | undefined;
  #baseBeforeMs: number | undefined;
  #arrivalMs = 0;

  constructor(sparseMs: Readonly<Record<Track, number>>) {
    this.#sparseMs = sparseMs;
  }

  publish(encoder: Encoder): void {
    this.timeline.join();
    this.#baseBeforeMs = this.#baseMs;
    this.#baseMs = undefined;
    const chunks = { writer: new ChunkWriter(), reader: new ChunkReader() };
    const next = { audio: encoder.fromMs, video: encoder.fromMs };
    for (;;) {
      const kind = next.audio <= next.video ? 'audio' : 'video';
      const trueMs = next[kind];
      if (trueMs >= encoder.toMs) return;
      const isDense = this.#isDense(trueMs, encoder);
      next[kind] += isDense ? frameMs[kind] : this.#sparseMs[kind];
      const jitterMs = kind === 'video' ? (this.#number() - 0.5) * 2 * captureJitterMs : 0;
      const capturedMs = Math.max(trueMs + jitterMs, encoder.fromMs);
      const sentMs = Math.floor(encoder.wireMs + capturedMs - encoder.fromMs) % wireRange;
      const wireMs = isDense ? overTheWire(chunks, kind, sentMs) : sentMs;
      this.#receive(kind, wireMs, capturedMs);
    }
  }

  /** The publisher is away: the edge speaks by itself. */
  hold(untilMs: number): void {
    for (let nowMs = this.#arrivalMs; nowMs < untilMs; nowMs += holdTickMs) {
      this.#output('audio', this.timeline.extend('audio', nowMs, -20));
      this.#output('video', this.timeline.extend('video', nowMs));
      this.#arrivalMs = nowMs;
    }
  }

  #isDense(trueMs: number, { wireMs, fromMs, toMs }: Encoder): boolean {
    const sentMs = wireMs + trueMs - fromMs;
    const isNear = (momentMs: number, positionMs: number): boolean =>
      Math.abs(positionMs - momentMs) < denseMs;
    if (isNear(fromMs, trueMs) || isNear(toMs, trueMs)) return true;
    return [2 ** 24, 2 ** 31, wireRange, wireRange + 2 ** 24].some((wrap) => isNear(wrap, sentMs));
  }

  #receive(kind: Track, wireMs: number, capturedMs: number): void {
    // One connection delivers in order, so what is late delays what is behind it.
    this.#arrivalMs = Math.max(this.#arrivalMs, capturedMs + this.#number() * lateMsMax);
    const outMs = this.timeline.correct(kind, wireMs, this.#arrivalMs);
    this.#output(kind, outMs);
    const errorMs = outMs - capturedMs;
    this.#baseMs ??= this.#begin(errorMs);
    this.#errorMs[kind] = errorMs;
    this.driftMs = Math.max(this.driftMs, Math.abs(errorMs - this.#baseMs));
    this.skewMs = Math.max(this.skewMs, Math.abs(this.#errorMs.audio - this.#errorMs.video));
  }

  #begin(errorMs: number): number {
    this.#errorMs.audio = errorMs;
    this.#errorMs.video = errorMs;
    this.seamMs = Math.max(this.seamMs, Math.abs(errorMs - (this.#baseBeforeMs ?? errorMs)));
    return errorMs;
  }

  #output(kind: Track, outMs: number): void {
    const least = this.#lastOutMs[kind] + (kind === 'video' ? 1 : 0);
    if (outMs < least) throw new Error(`${kind} ran backwards to ${outMs} from ${this.#lastOutMs[kind]} ms`);
    this.#lastOutMs[kind] = outMs;
    this.messages++;
  }
}

/** A message of two chunks, so that the second repeats an extended timestamp. */
const payload = Buffer.alloc(200);

function overTheWire(
  { writer, reader }: { writer: ChunkWriter; reader: ChunkReader },
  kind: Track,
  timestampMs: number,
): number {
  reader.append(writer.encode(toRtmpMessage({ kind, timestampMs, payload }, 1)));
  const message = reader.next();
  if (message?.payload.length !== payload.length || reader.unreadBytes > 0)
    throw new Error('chunks went wrong');
  return message.timestampMs;
}

/** What a simulated broadcast of 50 days was off the truth, in milliseconds; it throws when a track runs backwards. */
export interface LongBroadcastResult {
  readonly driftMs: number;
  readonly skewMs: number;
  readonly seamMs: number;
  readonly messages: number;
  readonly jumps: number;
}

const resultOf = ({ driftMs, skewMs, seamMs, messages, timeline }: LongBroadcast): LongBroadcastResult => ({
  driftMs,
  skewMs,
  seamMs,
  messages,
  jumps: timeline.jumps,
});

/** One encoder all the time, whose clock passes 2^24, 2^31 and 2^32. */
export function simulateOneEncoder(): LongBroadcastResult {
  const broadcast = new LongBroadcast({ video: 401, audio: 397 });
  broadcast.publish({ wireMs: 0, fromMs: 0, toMs: endMs });
  return resultOf(broadcast);
}

/** A hundred publishers with clocks of all kinds: every other one is taken over, the rest leave a gap that is held. */
export function simulateManyPublishers(): LongBroadcastResult {
  const broadcast = new LongBroadcast({ video: 1601, audio: 1597 });
  const clocks = [0, 2 ** 24 - 600_000, 2 ** 31 - 600_000, wireRange - 600_000, 3_000_000_000];
  const turnMs = 12 * 3_600_000;
  for (let turn = 0; turn * turnMs < endMs; turn++) {
    const fromMs = turn * turnMs;
    const heldMs = turn % 2 === 0 ? 0 : 45_000;
    const toMs = fromMs + turnMs - heldMs;
    broadcast.publish({ wireMs: clocks[turn % clocks.length], fromMs, toMs });
    if (heldMs > 0) broadcast.hold(fromMs + turnMs);
  }
  return resultOf(broadcast);
}
