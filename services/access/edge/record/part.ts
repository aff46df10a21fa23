import type { BlobStore } from '@gala/lib/blob';
import type { AccessUnit, TrackConfig } from '@gala/media/mp4';
import type { Tag } from '../tag.ts';
import type { FileWriter } from './file-writer.ts';
import { FlvFile } from './flv-file.ts';
import { Mp4File } from './mp4-file.ts';
import { QueuedFile } from './queued-file.ts';
import {
  keyOf,
  type FinishedPart,
  type PartName,
  type RecordingEnd,
  type RecordingFormat,
} from './recording.ts';

export interface PartOptions {
  readonly name: PartName;
  readonly store: BlobStore;
  readonly formats: readonly RecordingFormat[];
  /** Set-up of the tracks, for MP4. */
  readonly configs: readonly TrackConfig[];
  /** Metadata and sequence headers, for FLV. */
  readonly headers: readonly Tag[];
  /** Time of the stream at which it begins. */
  readonly baseMs: number;
  readonly fragmentMs: number;
  readonly queueBytesMax: number;
  readonly makeRoom: (bytes: number) => Promise<void>;
  readonly onLeftOut: (isFirst: boolean) => void;
  /** Told once for each file that cannot be written any more. */
  readonly onFailed: (error: unknown) => void;
}

/** One part of a recording on its way: a file for each format, from a key frame on, with one set-up. */
export class RecordingPart {
  readonly name: PartName;
  readonly #options: PartOptions;
  readonly #files: readonly FileWriter[];
  #lastMs: number;

  /** Errors: `Mp4Error`, MediaError for set-up that MP4 cannot hold after all. */
  constructor(options: PartOptions) {
    this.name = options.name;
    this.#options = options;
    this.#lastMs = options.baseMs;
    this.#files = options.formats.map((format) => this.#open(format));
  }

  get formats(): RecordingFormat[] {
    return this.#files.map(({ format }) => format);
  }

  push(tag: Tag, unit: AccessUnit | undefined): void {
    this.#lastMs = Math.max(this.#lastMs, tag.timestampMs);
    for (const file of this.#files) file.push(tag, unit);
  }

  /** Resolves when the files are closed, with what came of them. */
  async end(reason: RecordingEnd, state: FinishedPart['state']): Promise<FinishedPart> {
    for (const file of this.#files) file.end();
    await Promise.all(this.#files.map(({ file }) => file.close()));
    const files = this.#files.map(({ format, file }) => ({ format, bytes: file.bytes }));
    const durationMs = this.#lastMs - this.#options.baseMs;
    return { ...this.name, durationMs, reason, state, files };
  }

  #open(format: RecordingFormat): FileWriter {
    const { name, store, queueBytesMax, makeRoom, onFailed, ...rest } = this.#options;
    const key = keyOf(name, format);
    const file = new QueuedFile({ store, key, queueBytesMax, makeRoom, onFailed });
    return format === 'mp4' ? new Mp4File({ file, ...rest }) : new FlvFile({ file, ...rest });
  }
}
