import { isTsTrack, TsWriter } from '../mpegts/index.ts';
import { FragmentWriter, segmentType, type Sample, type TrackConfig } from '../mp4/index.ts';
import type { HlsContainer } from './file-names.ts';

/** Turns samples into the bytes of parts. */
export interface Packager {
  /** Bytes of the init segment; empty for a container without one. */
  readonly initSegment: Buffer;
  readonly heldBytes: number;
  /** Errors: `MediaError` for a sample that is then left out. */
  add(sample: Sample): void;
  /** Bytes of what starts before `beforeSeconds`; undefined if that is nothing. */
  cut(options: { beforeSeconds?: number; isSegmentStart: boolean }): Buffer | undefined;
}

/** True if a container can carry the track. Errors: those of the AudioSpecificConfig. */
export function isPackable(track: TrackConfig, container: HlsContainer): boolean {
  return container === 'fmp4' || isTsTrack(track);
}

export function createPackager(tracks: readonly TrackConfig[], container: HlsContainer): Packager {
  return container === 'fmp4' ? new Fmp4Packager(tracks) : new TsPackager(tracks);
}

class Fmp4Packager implements Packager {
  readonly #writer: FragmentWriter;

  constructor(tracks: readonly TrackConfig[]) {
    this.#writer = new FragmentWriter(tracks);
  }

  get initSegment(): Buffer {
    return this.#writer.initSegment;
  }

  get heldBytes(): number {
    return this.#writer.heldBytes;
  }

  add(sample: Sample): void {
    this.#writer.add(sample);
  }

  cut({ beforeSeconds, isSegmentStart }: { beforeSeconds?: number; isSegmentStart: boolean }) {
    const fragment = this.#writer.cut({ beforeSeconds });
    return fragment && isSegmentStart ? Buffer.concat([segmentType, fragment]) : fragment;
  }
}

class TsPackager implements Packager {
  readonly initSegment = Buffer.alloc(0);
  readonly #writer: TsWriter;

  constructor(tracks: readonly TrackConfig[]) {
    this.#writer = new TsWriter(tracks);
  }

  get heldBytes(): number {
    return this.#writer.heldBytes;
  }

  add(sample: Sample): void {
    this.#writer.add(sample);
  }

  cut({ beforeSeconds }: { beforeSeconds?: number }): Buffer | undefined {
    return this.#writer.cut({ beforeSeconds });
  }
}
