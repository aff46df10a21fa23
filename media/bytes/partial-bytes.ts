const FIRST_CAPACITY_BYTES = 4096;

/**
 * Collects one unit of declared size that arrives in pieces. Memory follows the bytes that have arrived
 * (at most twice as many, or 4 KiB), never the size the peer declares.
 */
export class PartialBytes {
  readonly sizeBytes: number;
  #buffer: Buffer;
  #received = 0;

  /**
   * @param sizeBytes declared size of the whole unit
   * @param arrivedBytes bytes that are known to have arrived already and may be reserved at once
   */
  constructor(sizeBytes: number, arrivedBytes: number) {
    this.sizeBytes = sizeBytes;
    this.#buffer = Buffer.allocUnsafe(Math.min(sizeBytes, Math.max(FIRST_CAPACITY_BYTES, arrivedBytes)));
  }

  /** Bytes still to come. */
  get missingBytes(): number {
    return this.sizeBytes - this.#received;
  }

  /** Bytes of memory held, for the account of the owner. */
  get capacityBytes(): number {
    return this.#buffer.length;
  }

  /** Copies `source[start, end)`, which must not exceed `missingBytes`. */
  append(source: Buffer, start: number, end: number): void {
    const needed = this.#received + (end - start);
    if (needed > this.#buffer.length) this.#grow(needed);
    source.copy(this.#buffer, this.#received, start, end);
    this.#received = needed;
  }

  /** The finished unit; call once `missingBytes` is 0. */
  take(): Buffer {
    return this.#buffer;
  }

  #grow(needed: number): void {
    const capacity = Math.min(this.sizeBytes, Math.max(needed, this.#buffer.length * 2));
    const larger = Buffer.allocUnsafe(capacity);
    this.#buffer.copy(larger, 0, 0, this.#received);
    this.#buffer = larger;
  }
}
