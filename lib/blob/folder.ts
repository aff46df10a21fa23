import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, rmdir, stat, truncate, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { CodedError, hasCode } from '../error/index.ts';
import type { Metrics } from '../metrics/index.ts';
import { abortable } from '../timing/index.ts';
import { Allowance, Intake } from './allowance.ts';
import { blobErrors } from './errors.ts';
import { toBlobError } from './file-error.ts';
import { blobsIn, FolderReader, infoOf } from './folder-reader.ts';
import { GrowingFile } from './growing.ts';
import { assertKey, assertPrefix } from './key.ts';
import type {
  BlobContent,
  BlobInfo,
  BlobPage,
  BlobStore,
  BlobUsage,
  BlobWriter,
  GetOptions,
  ListOptions,
  OpenBlob,
  PutOptions,
} from './types.ts';
import { walk } from './walk.ts';

export interface FolderBlobsOptions {
  /** Made when it is missing. One process writes to a folder, since it keeps the count; any number may read. */
  readonly folder: string;
  /** Budget of all blobs together. */
  readonly bytesMax: number;
  /** Bound of one blob; the budget unless told. */
  readonly blobBytesMax?: number;
  /** Files open at once for reading and writing; one more is BLOB_BUSY. */
  readonly openedMax?: number;
  readonly metrics: Metrics;
  /** Tells the metrics of several stores of one process apart: `gala_<name>_bytes`. */
  readonly name?: string;
}

const pageMax = 1000;
/** A put that has not written for this long has died with its process. */
const abandonedMs = 3_600_000;
const counterNames = ['puts', 'appends', 'gets', 'deletes', 'refusals', 'diskFull', 'swept'] as const;

/**
 * Blobs as files below `folder/blobs`, readable under their keys. What is being put stands in `folder/incoming`
 * until it is whole. Opening counts what is there. Errors: BLOB_UNAVAILABLE, BLOB_DISK_FULL.
 */
export async function openFolderBlobs(options: FolderBlobsOptions): Promise<BlobStore> {
  const store = new FolderBlobs(options);
  await store.start().catch(fail);
  return store;
}

class FolderBlobs implements BlobStore {
  readonly #blobs: string;
  readonly #reader: FolderReader;
  readonly #incoming: string;
  readonly #blobBytesMax: number;
  readonly #allowance: Allowance;
  readonly #growing = new Map<string, BlobWriter>();
  readonly #counters: Record<(typeof counterNames)[number], number>;
  /** Changes of the folder tree, one after the other, so that what a rename replaces is counted once. */
  #changes: Promise<unknown> = Promise.resolve();

  constructor({
    folder,
    bytesMax,
    blobBytesMax,
    openedMax = 256,
    metrics,
    name = 'blob',
  }: FolderBlobsOptions) {
    this.#blobs = blobsIn(folder);
    this.#incoming = path.join(folder, 'incoming');
    this.#blobBytesMax = blobBytesMax ?? bytesMax;
    this.#allowance = new Allowance(bytesMax, openedMax);
    this.#reader = new FolderReader(this.#blobs, this.#allowance);
    this.#counters = metrics.counters(name, counterNames);
    metrics.gauge(`gala_${name}_bytes`, 'bytes in the store', () => this.#allowance.bytes);
    metrics.gauge(`gala_${name}_budget_bytes`, 'bytes the store may hold', () => bytesMax);
    metrics.gauge(`gala_${name}_open_files`, 'blobs being read and written', () => this.#allowance.opened);
  }

  async start(): Promise<void> {
    await mkdir(this.#blobs, { recursive: true });
    await mkdir(this.#incoming, { recursive: true });
    await this.#sweep();
    for await (const key of walk(this.#blobs, { prefix: '', after: '' })) {
      this.#allowance.bytes += (await this.#reader.statOrNone(key))?.size ?? 0;
    }
  }

  async put(
    key: string,
    content: Uint8Array | AsyncIterable<Uint8Array>,
    options: PutOptions = {},
  ): Promise<BlobInfo> {
    assertKey(key);
    return this.#counted('puts', async () => {
      const giveBack = this.#allowance.open();
      const temporary = path.join(this.#incoming, randomUUID());
      const intake = this.#intake(options.bytesMax);
      let isThere = false;
      try {
        await receive(temporary, content, { ...options, intake });
        const made = await this.#change(() => this.#replace(key, temporary));
        isThere = true;
        if (options.isDurable) await this.#syncFolders(key, made);
        return await this.stat(key);
      } catch (error) {
        if (isThere) throw error;
        intake.remove(intake.bytes);
        await rm(temporary, { force: true }).catch(() => undefined);
        throw error;
      } finally {
        giveBack();
      }
    });
  }

  async append(key: string, { bytesMax }: Pick<PutOptions, 'bytesMax'> = {}): Promise<BlobWriter> {
    assertKey(key);
    return this.#counted('appends', () =>
      this.#change(async () => {
        this.#assertUnlocked(key);
        await mkdir(path.dirname(this.#reader.fileOf(key)), { recursive: true });
        const giveBack = this.#allowance.open();
        const handle = await open(this.#reader.fileOf(key), 'wx').catch((error: unknown) => {
          giveBack();
          throw error;
        });
        const onClose = (): void => {
          this.#growing.delete(key);
          giveBack();
        };
        const writer = new GrowingFile(key, handle, { intake: this.#intake(bytesMax), onClose });
        this.#growing.set(key, writer);
        return writer;
      }),
    );
  }

  stat(key: string): Promise<BlobInfo> {
    return this.#reader.stat(key);
  }

  get(key: string, options?: GetOptions): Promise<BlobContent> {
    return this.#counted('gets', () => this.#reader.get(key, options));
  }

  open(key: string): Promise<OpenBlob> {
    return this.#counted('gets', () => this.#reader.open(key));
  }

  async cut(key: string, bytes: number): Promise<void> {
    assertKey(key);
    return this.#change(async () => {
      this.#assertUnlocked(key);
      const stats = await this.#reader.statOrNone(key);
      if (!stats) throw new CodedError(blobErrors, 'BLOB_UNKNOWN');
      if (bytes > stats.size) throw new CodedError(blobErrors, 'BLOB_RANGE_INVALID');
      await truncate(this.#reader.fileOf(key), bytes).catch(fail);
      this.#allowance.giveBack(stats.size - bytes);
    });
  }

  async list(prefix: string, { cursor = '', limit = pageMax }: ListOptions = {}): Promise<BlobPage> {
    assertPrefix(prefix);
    const countMax = Math.min(Math.max(1, limit), pageMax);
    const blobs: BlobInfo[] = [];
    try {
      for await (const key of walk(this.#blobs, { prefix, after: cursor })) {
        if (blobs.length === countMax) return { blobs, cursor: blobs[countMax - 1].key };
        const stats = await this.#reader.statOrNone(key);
        if (stats) blobs.push(infoOf(key, stats));
      }
    } catch (error) {
      throw toBlobError(error);
    }
    return { blobs };
  }

  async delete(key: string): Promise<boolean> {
    assertKey(key);
    return this.#counted('deletes', () =>
      this.#change(async () => {
        this.#assertUnlocked(key);
        const stats = await this.#reader.statOrNone(key);
        if (!stats) return false;
        await rm(this.#reader.fileOf(key));
        this.#allowance.giveBack(stats.size);
        await this.#prune(path.dirname(this.#reader.fileOf(key)));
        return true;
      }),
    );
  }

  usage(): BlobUsage {
    const { bytes, bytesMax } = this.#allowance;
    return { bytes, bytesMax };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#growing.values()].map((writer) => writer.close()));
    await this.#changes;
  }

  #intake(bytesMax = Infinity): Intake {
    return new Intake(this.#allowance, Math.min(bytesMax, this.#blobBytesMax));
  }

  #assertUnlocked(key: string): void {
    if (this.#growing.has(key)) throw new CodedError(blobErrors, 'BLOB_LOCKED');
  }

  /** The first folder that had to be made for it, if any. */
  async #replace(key: string, temporary: string): Promise<string | undefined> {
    this.#assertUnlocked(key);
    const file = this.#reader.fileOf(key);
    const replaced = await this.#reader.statOrNone(key);
    const made = await mkdir(path.dirname(file), { recursive: true });
    await rename(temporary, file);
    this.#allowance.giveBack(replaced?.size ?? 0);
    return made;
  }

  /** A rename is on disk when its folder is, and so are the folders that were made for it. */
  async #syncFolders(key: string, made: string | undefined): Promise<void> {
    const last = path.dirname(made ?? this.#reader.fileOf(key));
    for (let folder = path.dirname(this.#reader.fileOf(key)); ; folder = path.dirname(folder)) {
      const handle = await open(folder, 'r');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
      if (folder === last) return;
    }
  }

  /** Empty folders go up to the first that is not empty. */
  async #prune(folder: string): Promise<void> {
    for (let each = folder; each !== this.#blobs; each = path.dirname(each)) {
      const isGone = await rmdir(each).then(
        () => true,
        () => false,
      );
      if (!isGone) return;
    }
  }

  #change<Result>(work: () => Promise<Result>): Promise<Result> {
    const changed = this.#changes.then(work);
    this.#changes = changed.catch(() => undefined);
    return changed;
  }

  async #counted<Result>(name: (typeof counterNames)[number], work: () => Promise<Result>): Promise<Result> {
    this.#counters[name]++;
    try {
      return await work();
    } catch (cause) {
      const error = toBlobError(cause);
      if (hasCode(error, 'BLOB_DISK_FULL')) this.#counters.diskFull++;
      else if (hasCode(error, 'BLOB_BUDGET', 'BLOB_TOO_LARGE', 'BLOB_BUSY')) this.#counters.refusals++;
      throw error;
    }
  }

  async #sweep(): Promise<void> {
    for (const name of await readdir(this.#incoming)) {
      const file = path.join(this.#incoming, name);
      const { mtimeMs } = await stat(file);
      if (Date.now() - mtimeMs < abandonedMs) continue;
      await rm(file, { force: true });
      this.#counters.swept++;
    }
  }
}

type ReceiveOptions = PutOptions & { readonly intake: Intake };

async function receive(
  file: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  { intake, signal, isDurable }: ReceiveOptions,
): Promise<void> {
  signal?.throwIfAborted();
  // What is known to be too large is refused before a byte is written.
  if (content instanceof Uint8Array) intake.add(content.byteLength);
  const handle = await open(file, 'wx');
  try {
    if (content instanceof Uint8Array) await handle.writeFile(content);
    else await receiveStream(handle, content, { intake, signal });
    if (isDurable) await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The source is asked for the next chunk when the one before is written, and ended when we stop early. */
async function receiveStream(
  handle: FileHandle,
  source: AsyncIterable<Uint8Array>,
  { intake, signal }: { intake: Intake; signal: AbortSignal | undefined },
): Promise<void> {
  const chunks = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await (signal ? abortable(chunks.next(), signal) : chunks.next());
      if (done) return;
      intake.add(value.byteLength);
      await handle.writeFile(value);
    }
  } catch (error) {
    // A source that stands still would not answer, so it is not waited for.
    if (source instanceof Readable) source.destroy();
    else void chunks.return?.().catch(() => undefined);
    throw error;
  }
}

function fail(error: unknown): never {
  throw toBlobError(error);
}
