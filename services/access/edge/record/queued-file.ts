import type { BlobStore, BlobWriter } from '@gala/lib/blob';

export interface QueuedFileOptions {
  readonly store: BlobStore;
  readonly key: string;
  /** What may wait for the disk. */
  readonly queueBytesMax: number;
  /** Called before each write, so that what is old makes room. */
  readonly makeRoom: (bytes: number) => Promise<void>;
  /** Told once; nothing more is written. */
  readonly onFailed: (error: unknown) => void;
}

/** A file that is written behind a queue bounded in bytes: whoever offers never waits for the disk. */
export class QueuedFile {
  readonly #options: QueuedFileOptions;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #bytes = 0;
  #writing: Promise<void> | undefined;
  #opened: Promise<BlobWriter> | undefined;
  #hasFailed = false;

  constructor(options: QueuedFileOptions) {
    this.#options = options;
  }

  /** Bytes on the disk. */
  get bytes(): number {
    return this.#bytes;
  }

  /** False when the chunk is left out, since too much waits already. */
  offer(chunk: Buffer): boolean {
    if (this.#hasFailed) return true;
    const isOver = this.#queuedBytes + chunk.length > this.#options.queueBytesMax;
    if (isOver && this.#queuedBytes > 0) return false;
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    this.#writing ??= this.#writeAll();
    return true;
  }

  /** Resolves when all that was offered is written, or has failed, and the file is closed. */
  async close(): Promise<void> {
    await this.#writing;
    const writer = await this.#opened?.catch(() => undefined);
    await writer?.close().catch((error: unknown) => this.#fail(error));
  }

  async #writeAll(): Promise<void> {
    try {
      for (let chunk = this.#queue.shift(); chunk; chunk = this.#queue.shift()) {
        await this.#write(chunk);
        this.#queuedBytes -= chunk.length;
        this.#bytes += chunk.length;
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#writing = undefined;
  }

  async #write(chunk: Buffer): Promise<void> {
    const { store, key, makeRoom } = this.#options;
    await makeRoom(chunk.length);
    this.#opened ??= store.append(key);
    await (await this.#opened).write(chunk);
  }

  #fail(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#options.onFailed(error);
  }
}
