import type { Readable } from 'node:stream';

export interface BlobInfo {
  readonly key: string;
  readonly bytes: number;
  /** Wall clock, ms since 1970. */
  readonly modifiedMs: number;
}

export interface PutOptions {
  /** Bound of this blob; that of the store holds as well. */
  readonly bytesMax?: number;
  /** On disk before `put` answers. */
  readonly isDurable?: boolean;
  readonly signal?: AbortSignal;
}

export interface GetOptions {
  /** First byte, 0 unless told. */
  readonly offset?: number;
  /** At most so many bytes; all there are unless told. */
  readonly bytes?: number;
  readonly signal?: AbortSignal;
}

/** A blob, or a range of it, as it was when it was asked for. Read `body` to its end or destroy it. */
export interface BlobContent {
  readonly info: BlobInfo;
  readonly offset: number;
  /** Bytes in `body`. */
  readonly bytes: number;
  readonly body: Readable;
}

export interface ListOptions {
  /** Begins after this one, as the page before said. */
  readonly cursor?: string;
  /** 1 to 1000, 1000 unless told. */
  readonly limit?: number;
}

export interface BlobPage {
  /** In the order of their keys. */
  readonly blobs: readonly BlobInfo[];
  /** Where the next page begins; absent on the last one. */
  readonly cursor?: string;
}

/**
 * A blob that grows, seen by readers as far as it has come; what was written stays when the process dies. A
 * write that fails leaves what was there before it. One write at a time.
 */
export interface BlobWriter extends AsyncDisposable {
  readonly key: string;
  readonly bytes: number;
  /** Errors: BLOB_TOO_LARGE, BLOB_BUDGET, BLOB_DISK_FULL, BLOB_UNAVAILABLE. */
  write(chunk: Uint8Array): Promise<void>;
  /** What was written so far is on disk. */
  sync(): Promise<void>;
  /** Once; a second time changes nothing. */
  close(): Promise<void>;
}

export interface BlobUsage {
  readonly bytes: number;
  readonly bytesMax: number;
}

/** A blob that is read here and there. */
export interface OpenBlob extends AsyncDisposable {
  readonly info: BlobInfo;
  /** At most `bytes` from `offset`; fewer where the blob ends. Errors: BLOB_UNAVAILABLE. */
  read(offset: number, bytes: number): Promise<Buffer>;
}

/** The blobs of a store as anybody may read them. */
export interface BlobReader {
  /** Errors: BLOB_UNKNOWN. */
  stat(key: string): Promise<BlobInfo>;
  /** Errors: BLOB_UNKNOWN, BLOB_RANGE_INVALID. */
  get(key: string, options?: GetOptions): Promise<BlobContent>;
  /** For many small reads. Errors: BLOB_UNKNOWN. */
  open(key: string): Promise<OpenBlob>;
}

/**
 * Bytes by key (data.md). Keys are `a/b/c`: up to 8 segments of [A-Za-z0-9._-], 128 characters each, and no key
 * is the folder of another. Every operation: BLOB_KEY_INVALID, BLOB_BUSY, BLOB_UNAVAILABLE.
 */
export interface BlobStore extends BlobReader, AsyncDisposable {
  /**
   * All or nothing: until it is whole, readers see what was there before. Errors: BLOB_TOO_LARGE, BLOB_BUDGET,
   * BLOB_DISK_FULL, BLOB_LOCKED; those of the source; the signal's reason.
   */
  put(key: string, content: Uint8Array | AsyncIterable<Uint8Array>, options?: PutOptions): Promise<BlobInfo>;
  /** A new blob to be written piece by piece. Errors: BLOB_EXISTS. */
  append(key: string, options?: Pick<PutOptions, 'bytesMax'>): Promise<BlobWriter>;
  /** Blobs whose key begins with `prefix`, which need not end at a segment. */
  list(prefix: string, options?: ListOptions): Promise<BlobPage>;
  /** False when there was none. Errors: BLOB_LOCKED. */
  delete(key: string): Promise<boolean>;
  /** Leaves the first `bytes` of a blob that nobody writes. Errors: BLOB_UNKNOWN, BLOB_LOCKED, BLOB_RANGE_INVALID. */
  cut(key: string, bytes: number): Promise<void>;
  usage(): BlobUsage;
}
