import { open, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import type { Stats } from 'node:fs';
import { CodedError, hasCode, invariant } from '../error/index.ts';
import { Allowance } from './allowance.ts';
import { blobErrors } from './errors.ts';
import { toBlobError } from './file-error.ts';
import { assertKey } from './key.ts';
import type { BlobContent, BlobInfo, BlobReader, GetOptions, OpenBlob } from './types.ts';

const readChunkBytes = 256 * 1024;

export interface FolderReaderOptions {
  /** Of a store that some process writes to; it may not be there yet. */
  readonly folder: string;
  /** Files open at once for reading; one more is BLOB_BUSY. */
  readonly openedMax?: number;
}

/** The blobs of a folder that another process may write to. */
export function readFolderBlobs({ folder, openedMax = 256 }: FolderReaderOptions): BlobReader {
  return new FolderReader(blobsIn(folder), new Allowance(0, openedMax));
}

/** Where the blobs lie in the folder of a store. */
export function blobsIn(folder: string): string {
  return path.join(folder, 'blobs');
}

export class FolderReader implements BlobReader {
  readonly #blobs: string;
  readonly #allowance: Allowance;

  /** @param allowance counts the files that are open */
  constructor(blobs: string, allowance: Allowance) {
    this.#blobs = blobs;
    this.#allowance = allowance;
  }

  fileOf(key: string): string {
    return path.join(this.#blobs, ...key.split('/'));
  }

  async stat(key: string): Promise<BlobInfo> {
    assertKey(key);
    const stats = await this.statOrNone(key);
    if (!stats) throw new CodedError(blobErrors, 'BLOB_UNKNOWN');
    return infoOf(key, stats);
  }

  async get(key: string, options: GetOptions = {}): Promise<BlobContent> {
    assertKey(key);
    const { handle, info, giveBack } = await this.#opened(key);
    try {
      const content = await contentOf(handle, info, options);
      content.body.once('close', giveBack);
      return content;
    } catch (error) {
      await handle.close();
      giveBack();
      throw error;
    }
  }

  async open(key: string): Promise<OpenBlob> {
    assertKey(key);
    const { handle, info, giveBack } = await this.#opened(key);
    return {
      info,
      read: (offset, bytes) => readAt(handle, offset, bytes),
      [Symbol.asyncDispose]: async () => {
        giveBack();
        await handle.close();
      },
    };
  }

  /** A file with its place among those that are open. */
  async #opened(key: string) {
    const giveBack = this.#allowance.open();
    let handle: FileHandle | undefined;
    try {
      handle = await open(this.fileOf(key), 'r');
      return { handle, info: infoOf(key, await handle.stat()), giveBack };
    } catch (cause) {
      await handle?.close();
      giveBack();
      const error = toBlobError(cause);
      // What is a folder, or lies below a blob, is no key of ours.
      throw hasCode(error, 'BLOB_KEY_INVALID') ? new CodedError(blobErrors, 'BLOB_UNKNOWN') : error;
    }
  }

  async statOrNone(key: string): Promise<Stats | undefined> {
    try {
      const stats = await stat(this.fileOf(key));
      return stats.isFile() ? stats : undefined;
    } catch (error) {
      const isMissing = hasCode(toBlobError(error), 'BLOB_UNKNOWN', 'BLOB_KEY_INVALID');
      if (isMissing) return undefined;
      throw toBlobError(error);
    }
  }
}

async function readAt(handle: FileHandle, offset: number, bytes: number): Promise<Buffer> {
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(bytes), 0, bytes, offset);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw toBlobError(error);
  }
}

async function contentOf(handle: FileHandle, info: BlobInfo, options: GetOptions): Promise<BlobContent> {
  const { offset = 0, bytes: bytesMax = Infinity, signal } = options;
  invariant(offset >= 0 && bytesMax >= 0, 'a range is not negative');
  if (offset > 0 && offset >= info.bytes) throw new CodedError(blobErrors, 'BLOB_RANGE_INVALID');
  const bytes = Math.min(bytesMax, info.bytes - offset);
  const end = offset + bytes - 1;
  if (bytes > 0) {
    const body = handle.createReadStream({ start: offset, end, highWaterMark: readChunkBytes, signal });
    return { info, offset, bytes, body };
  }
  // To Node an end before the start is no empty range.
  await handle.close();
  return { info, offset, bytes, body: Readable.from([]) };
}

export function infoOf(key: string, stats: Stats): BlobInfo {
  if (!stats.isFile()) throw new CodedError(blobErrors, 'BLOB_UNKNOWN');
  return { key, bytes: stats.size, modifiedMs: stats.mtimeMs };
}
