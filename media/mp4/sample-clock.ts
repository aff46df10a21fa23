import { timescaleOf, videoTimescale, type AccessUnit, type Sample, type TrackConfig } from './track.ts';

const DURATION_TICKS_MAX = 2 ** 32 - 1;
const NOMINAL_TICKS_MAX = videoTimescale / 2;
/** Frames in a row that must be off before the grid is moved: shorter is jitter of the sender. */
const OFF_FRAMES_MAX = 8;
/** Frames by which a packet may be off before the grid is moved at once: sound is missing, or came twice. */
const OFF_AT_ONCE = 3;

/**
 * Places sound on the grid of its samples. Timestamps in FLV are rounded to ms; taken as they are they leave gaps
 * and overlaps of up to a ms between frames, which are heard. Frames follow each other without a gap as long as
 * the clock of the stream is within half a frame of the grid; when it stays away for longer, or is off by several
 * frames, the grid moves by the smallest difference seen, so nothing drifts.
 */
export class AudioGrid {
  readonly #samplingRateHz: number;
  #nextTicks: number | undefined;
  #offFrames = 0;
  #offTicks = 0;
  /** Times the grid was moved, for the counters. */
  resyncs = 0;

  constructor(samplingRateHz: number) {
    this.#samplingRateHz = samplingRateHz;
  }

  /** Start of a packet in samples, from its time in whole ms. */
  place(dtsMs: number, packetSamples: number): number {
    const wanted = Math.round((dtsMs * this.#samplingRateHz) / 1000);
    const next = this.#nextTicks ?? wanted;
    const start = next + this.#correction(wanted - next, packetSamples);
    this.#nextTicks = start + packetSamples;
    return start;
  }

  #correction(offTicks: number, packetSamples: number): number {
    const away = Math.abs(offTicks);
    if (away <= packetSamples / 2) {
      this.#offFrames = 0;
      return 0;
    }
    const isSameSide = this.#offFrames > 0 && Math.sign(offTicks) === Math.sign(this.#offTicks);
    const smallest = isSameSide && Math.abs(this.#offTicks) < away ? this.#offTicks : offTicks;
    this.#offFrames = isSameSide ? this.#offFrames + 1 : 1;
    this.#offTicks = smallest;
    if (away <= OFF_AT_ONCE * packetSamples && this.#offFrames < OFF_FRAMES_MAX) return 0;
    this.#offFrames = 0;
    this.resyncs += 1;
    return away > OFF_AT_ONCE * packetSamples ? offTicks : smallest;
  }
}

interface Held {
  readonly unit: AccessUnit;
  readonly startTicks: number;
  /** What it lasts if nothing follows. */
  readonly nominalTicks: number;
}

/**
 * Turns the access units of one track into samples with exact start and duration: a sample is given out when the
 * next one tells its duration, so that each begins where the one before ends, over any number of fragments.
 */
export class SampleClock {
  readonly timescale: number;
  readonly #grid: AudioGrid | undefined;
  readonly #packetSamples: (payload: Buffer) => number;
  #held: Held | undefined;
  #endTicks = 0;
  #lastDurationTicks: number;

  /** @param packetSamples samples that a packet of sound holds; unused for video */
  constructor(config: TrackConfig, packetSamples: (payload: Buffer) => number) {
    this.timescale = timescaleOf(config);
    this.#grid = config.kind === 'audio' ? new AudioGrid(config.samplingRateHz) : undefined;
    this.#packetSamples = packetSamples;
    this.#lastDurationTicks = videoTimescale / 25;
  }

  get resyncs(): number {
    return this.#grid?.resyncs ?? 0;
  }

  /** Start of the sample that waits for its successor, in seconds. */
  get heldSeconds(): number | undefined {
    return this.#held && this.#held.startTicks / this.timescale;
  }

  /** Takes a unit; gives the sample before it. */
  push(unit: AccessUnit): Sample | undefined {
    const packetSamples = this.#grid ? this.#packetSamples(unit.payload) : 0;
    const placed =
      this.#grid?.place(unit.dtsMs, packetSamples) ?? Math.round((unit.dtsMs * videoTimescale) / 1000);
    const before = this.#held;
    const startTicks = Math.max(placed, before ? before.startTicks + 1 : this.#endTicks);
    const sample = before && this.#finish(before, startTicks - before.startTicks);
    this.#held = { unit, startTicks, nominalTicks: this.#grid ? packetSamples : this.#lastDurationTicks };
    return sample;
  }

  /** Gives out the sample that waits, with the duration that is usual, or until `endSeconds`. */
  flush(endSeconds?: number): Sample | undefined {
    const held = this.#held;
    if (held === undefined) return undefined;
    this.#held = undefined;
    if (endSeconds === undefined) return this.#finish(held, held.nominalTicks);
    return this.#finish(held, Math.max(1, Math.round(endSeconds * this.timescale) - held.startTicks));
  }

  #finish({ unit, startTicks }: Held, durationTicks: number): Sample {
    const bounded = Math.min(Math.max(durationTicks, 1), DURATION_TICKS_MAX);
    // A picture that stayed because none came tells nothing about the next.
    if (bounded <= NOMINAL_TICKS_MAX) this.#lastDurationTicks = bounded;
    this.#endTicks = startTicks + bounded;
    return {
      kind: unit.kind,
      startTicks,
      durationTicks: bounded,
      compositionTicks: Math.round((unit.compositionMs * videoTimescale) / 1000),
      keyFrame: unit.keyFrame || unit.kind === 'audio',
      payload: unit.payload,
    };
  }
}
