import { packetSamplesOf } from './flv-units.ts';
import { FragmentWriter } from './fragment-writer.ts';
import { SampleClock } from './sample-clock.ts';
import type { AccessUnit, Sample, TrackConfig } from './track.ts';

export interface RecordingLimits {
  /** A fragment ends at a key frame; where none comes, after this time. */
  readonly fragmentMsMax: number;
  /** And at the latest with so many bytes. */
  readonly fragmentBytesMax: number;
}

export const recordingLimits: RecordingLimits = { fragmentMsMax: 4000, fragmentBytesMax: 16 * 1024 * 1024 };

/**
 * Writes a fragmented MP4 that can be cut off after any fragment: each group of pictures is written when it ends,
 * nothing is written twice and no index is needed at the end. A change of set-up needs a new recording.
 */
export class Mp4Recording {
  readonly #writer: FragmentWriter;
  readonly #clocks: ReadonlyMap<string, SampleClock>;
  readonly #limits: RecordingLimits;
  #fragmentSeconds: number | undefined;

  constructor(tracks: readonly TrackConfig[], limits: RecordingLimits = recordingLimits) {
    this.#writer = new FragmentWriter(tracks);
    this.#limits = limits;
    this.#clocks = new Map(
      tracks.map((track) => [track.kind, new SampleClock(track, packetSamplesOf(track))]),
    );
  }

  /** The start of the file. */
  get initSegment(): Buffer {
    return this.#writer.initSegment;
  }

  /** Takes a unit; gives bytes to append to the file when a fragment is complete. */
  push(unit: AccessUnit): Buffer | undefined {
    const clock = this.#clocks.get(unit.kind);
    const sample = clock?.push(unit);
    return clock && sample && this.#add(sample, clock.timescale);
  }

  /** Gives the last fragment; the recording is then finished. */
  end(): Buffer | undefined {
    for (const clock of this.#clocks.values()) {
      const sample = clock.flush();
      if (sample) this.#writer.add(sample);
    }
    return this.#writer.cut();
  }

  #add(sample: Sample, timescale: number): Buffer | undefined {
    const startSeconds = sample.startTicks / timescale;
    const isCut = this.#isCutBefore(sample, startSeconds);
    const fragment = isCut ? this.#writer.cut({ beforeSeconds: startSeconds }) : undefined;
    if (isCut) this.#fragmentSeconds = startSeconds;
    this.#fragmentSeconds ??= startSeconds;
    this.#writer.add(sample);
    return fragment;
  }

  #isCutBefore(sample: Sample, startSeconds: number): boolean {
    const elapsedMs = (startSeconds - (this.#fragmentSeconds ?? startSeconds)) * 1000;
    const isGroupEnd = sample.kind === 'video' && sample.keyFrame;
    const { fragmentMsMax, fragmentBytesMax } = this.#limits;
    return isGroupEnd || elapsedMs >= fragmentMsMax || this.#writer.heldBytes >= fragmentBytesMax;
  }
}
