import type { FileHandle } from 'node:fs/promises';
import { invariant } from '../error/index.ts';
import type { Intake } from './allowance.ts';
import { toBlobError } from './file-error.ts';
import type { BlobWriter } from './types.ts';

/** The folder adapter's writer: the file of the blob itself, cut back to its last whole chunk on a failure. */
export class GrowingFile implements BlobWriter {
  readonly key: string;
  readonly #handle: FileHandle;
  readonly #intake: Intake;
  readonly #onClose: () => void;
  #isWriting = false;
  #isClosed = false;

  constructor(key: string, handle: FileHandle, parts: { intake: Intake; onClose: () => void }) {
    this.key = key;
    this.#handle = handle;
    this.#intake = parts.intake;
    this.#onClose = parts.onClose;
  }

  get bytes(): number {
    return this.#intake.bytes;
  }

  async write(chunk: Uint8Array): Promise<void> {
    invariant(!this.#isWriting && !this.#isClosed, 'a blob is written piece by piece while it is open');
    this.#isWriting = true;
    const start = this.bytes;
    try {
      this.#intake.add(chunk.byteLength);
      await this.#writeAt(chunk, start);
    } finally {
      this.#isWriting = false;
    }
  }

  async sync(): Promise<void> {
    await this.#handle.sync().catch(fail);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#handle.close().catch(fail).finally(this.#onClose);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A disk that fills up may take a part of the chunk: a reader would stumble over it. */
  async #writeAt(chunk: Uint8Array, start: number): Promise<void> {
    try {
      for (let done = 0; done < chunk.byteLength;) {
        const { bytesWritten } = await this.#handle.write(chunk, done, chunk.byteLength - done, start + done);
        done += bytesWritten;
      }
    } catch (error) {
      await this.#handle.truncate(start).catch(() => undefined);
      this.#intake.remove(chunk.byteLength);
      fail(error);
    }
  }
}

function fail(error: unknown): never {
  throw toBlobError(error);
}
