import {
  Mp4Recording,
  readFragment,
  readInitSegment,
  type AccessUnit,
  type TrackConfig,
} from '@gala/media/mp4';
import type { Tag } from '../tag.ts';
import type { FileWriter } from './file-writer.ts';
import type { QueuedFile } from './queued-file.ts';

export interface Mp4FileOptions {
  readonly file: QueuedFile;
  readonly configs: readonly TrackConfig[];
  /** Time of the stream at which the file begins. */
  readonly baseMs: number;
  readonly fragmentMs: number;
  readonly onLeftOut: (isFirst: boolean) => void;
}

const fragmentBytesMax = 16 * 1024 * 1024;

/** Writes fragmented MP4, each group of pictures when it is complete: what is in the file can be played. */
export class Mp4File implements FileWriter {
  readonly format = 'mp4';
  readonly file: QueuedFile;
  readonly #options: Mp4FileOptions;
  readonly #recording: Mp4Recording;
  #isSkipping = false;

  constructor(options: Mp4FileOptions) {
    this.file = options.file;
    this.#options = options;
    const { configs, fragmentMs } = options;
    this.#recording = new Mp4Recording(configs, { fragmentMsMax: fragmentMs, fragmentBytesMax });
    this.file.offer(this.#recording.initSegment);
  }

  push(_tag: Tag, unit: AccessUnit | undefined): void {
    const dtsMs = unit ? unit.dtsMs - this.#options.baseMs : -1;
    // Sound from before the first picture.
    if (unit && dtsMs >= 0) this.#write(this.#recording.push({ ...unit, dtsMs }));
  }

  end(): void {
    this.#write(this.#recording.end());
  }

  #write(fragment: Buffer | undefined): void {
    if (!fragment) return;
    const isDropped = (this.#isSkipping && !this.#isIndependent(fragment)) || !this.file.offer(fragment);
    if (isDropped) this.#options.onLeftOut(!this.#isSkipping);
    this.#isSkipping = isDropped;
  }

  /** Where no key frame came in time a fragment continues the one before, which is not there. */
  #isIndependent(fragment: Buffer): boolean {
    const tracks = readInitSegment(this.#recording.initSegment);
    const { runs } = readFragment(fragment, tracks);
    const video = tracks.find(({ kind }) => kind === 'video');
    if (!video) return true;
    return runs.find(({ trackId }) => trackId === video.trackId)?.samples[0]?.keyFrame === true;
  }
}
