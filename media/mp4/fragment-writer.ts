import { encodeFragment, type ProducerTime } from './fragment.ts';
import { encodeInitSegment } from './init-segment.ts';
import { timescaleOf, type Sample, type TrackConfig } from './track.ts';

export interface CutOptions {
  /** Samples that start at this time or later stay for the next fragment. */
  beforeSeconds?: number;
  /** Unix ms of the first sample, to be told by `prft`. */
  wallMs?: number;
}

/**
 * Collects samples and writes them as fragments of one file or stream. It holds what has not been cut: whoever
 * adds samples bounds it by cutting, at the latest when `heldBytes` says so.
 */
export class FragmentWriter {
  readonly initSegment: Buffer;
  readonly #tracks: readonly TrackConfig[];
  #held: Sample[] = [];
  #sequence: number;
  /** Bytes of payload that wait for a cut. */
  heldBytes = 0;

  /** @param sequence number of the first fragment */
  constructor(tracks: readonly TrackConfig[], sequence = 1) {
    this.#tracks = tracks;
    this.#sequence = sequence;
    this.initSegment = encodeInitSegment(tracks);
  }

  add(sample: Sample): void {
    this.#held.push(sample);
    this.heldBytes += sample.payload.length;
  }

  /** Writes what was added as one fragment; undefined if that is nothing. */
  cut(options: CutOptions = {}): Buffer | undefined {
    const samples = this.takeHeld(options.beforeSeconds);
    const [first] = samples;
    if (first === undefined) return undefined;
    const tracks = this.#tracks.map(({ kind }) => ({
      kind,
      samples: samples.filter((sample) => sample.kind === kind),
    }));
    const { wallMs } = options;
    const producerTime: ProducerTime | undefined =
      wallMs === undefined ? undefined : { kind: first.kind, wallMs, mediaTicks: first.startTicks };
    return encodeFragment({ sequence: this.#sequence++, tracks, producerTime });
  }

  /** Takes what was added and starts before `beforeSeconds`, in the order in which it was added. */
  takeHeld(beforeSeconds = Infinity): Sample[] {
    const isDue = (sample: Sample): boolean => this.#startSeconds(sample) < beforeSeconds;
    const due = this.#held.filter(isDue);
    this.#held = due.length === this.#held.length ? [] : this.#held.filter((sample) => !isDue(sample));
    for (const { payload } of due) this.heldBytes -= payload.length;
    return due;
  }

  #startSeconds(sample: Sample): number {
    const track = this.#tracks.find(({ kind }) => kind === sample.kind);
    if (track === undefined) throw new RangeError(`no ${sample.kind} track`);
    return sample.startTicks / timescaleOf(track);
  }
}
