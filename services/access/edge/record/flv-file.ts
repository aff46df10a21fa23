import { encodeFlvHeader } from '@gala/media/flv';
import { sizeOf, type Tag } from '../tag.ts';
import type { FileWriter } from './file-writer.ts';
import type { QueuedFile } from './queued-file.ts';

export interface FlvFileOptions {
  readonly file: QueuedFile;
  /** Metadata and sequence headers that hold at the beginning. */
  readonly headers: readonly Tag[];
  readonly baseMs: number;
  readonly onLeftOut: (isFirst: boolean) => void;
}

/** Tags are written together after this time, at the latest; what the process has not written dies with it. */
const chunkMs = 1_000;
const chunkBytesMax = 1024 * 1024;
const timestampOffset = 4;

/** Writes FLV whose clock begins at 0, a second or a group of pictures at a time. */
export class FlvFile implements FileWriter {
  readonly format = 'flv';
  readonly file: QueuedFile;
  readonly #options: FlvFileOptions;
  #held: Tag[] = [];
  #heldBytes = 0;
  #isSkipping = false;

  constructor(options: FlvFileOptions) {
    this.file = options.file;
    this.#options = options;
    const { headers } = options;
    const has = (kind: Tag['kind']): boolean => headers.some((tag) => tag.kind === kind);
    const head = encodeFlvHeader({ hasAudio: has('audio'), hasVideo: has('video') });
    const tags = Buffer.concat(headers.map((tag) => Buffer.from(tag.bytes)));
    this.#stamp(tags, headers, () => 0);
    this.file.offer(Buffer.concat([head, tags]));
  }

  push(tag: Tag): void {
    const [first] = this.#held;
    const isDue = first !== undefined && tag.timestampMs - first.timestampMs >= chunkMs;
    if (tag.keyFrame || isDue || this.#heldBytes >= chunkBytesMax) this.end();
    this.#held.push(tag);
    this.#heldBytes += tag.bytes.length;
  }

  end(): void {
    const tags = this.#held;
    if (tags.length === 0) return;
    this.#held = [];
    this.#heldBytes = 0;
    const isDropped = (this.#isSkipping && !tags[0].keyFrame) || !this.file.offer(this.#encode(tags));
    if (isDropped) this.#options.onLeftOut(!this.#isSkipping);
    this.#isSkipping = isDropped;
  }

  /** The bytes of the tags are shared with all viewers, so the times of the file are set in a copy. */
  #encode(tags: readonly Tag[]): Buffer {
    const bytes = Buffer.allocUnsafeSlow(sizeOf(tags));
    let offset = 0;
    for (const tag of tags) offset += tag.bytes.copy(bytes, offset);
    this.#stamp(bytes, tags, (tag) => Math.max(0, tag.timestampMs - this.#options.baseMs));
    return bytes;
  }

  #stamp(bytes: Buffer, tags: readonly Tag[], timeOf: (tag: Tag) => number): void {
    let offset = 0;
    for (const tag of tags) {
      const timestampMs = timeOf(tag);
      bytes.writeUIntBE(timestampMs & 0xffffff, offset + timestampOffset, 3);
      bytes[offset + timestampOffset + 3] = timestampMs >>> 24;
      offset += tag.bytes.length;
    }
  }
}
