import { CodedError } from '../error/index.ts';
import { blobErrors } from './errors.ts';

/** What a store may hold altogether, and what one process may have open. */
export class Allowance {
  bytes = 0;
  opened = 0;
  readonly bytesMax: number;
  readonly openedMax: number;

  constructor(bytesMax: number, openedMax: number) {
    this.bytesMax = bytesMax;
    this.openedMax = openedMax;
  }

  /** Errors: BLOB_BUDGET. */
  take(bytes: number): void {
    if (this.bytes + bytes > this.bytesMax) {
      throw new CodedError(blobErrors, 'BLOB_BUDGET', { detail: `${this.bytesMax} bytes` });
    }
    this.bytes += bytes;
  }

  giveBack(bytes: number): void {
    this.bytes -= bytes;
  }

  /** A place for one open file; the answer gives it back, once. Errors: BLOB_BUSY. */
  open(): () => void {
    if (this.opened >= this.openedMax)
      throw new CodedError(blobErrors, 'BLOB_BUSY', { retryAfterSeconds: 1 });
    this.opened++;
    let isOpen = true;
    return () => {
      if (isOpen) this.opened--;
      isOpen = false;
    };
  }
}

/** The bytes of one blob as they come: refused when they are too many, given back when it comes to nothing. */
export class Intake {
  bytes = 0;
  readonly #allowance: Allowance;
  readonly #bytesMax: number;

  constructor(allowance: Allowance, bytesMax: number) {
    this.#allowance = allowance;
    this.#bytesMax = bytesMax;
  }

  /** Errors: BLOB_TOO_LARGE, BLOB_BUDGET. */
  add(bytes: number): void {
    if (this.bytes + bytes > this.#bytesMax) {
      throw new CodedError(blobErrors, 'BLOB_TOO_LARGE', { detail: `at most ${this.#bytesMax} bytes` });
    }
    this.#allowance.take(bytes);
    this.bytes += bytes;
  }

  /** The last `bytes` did not get there. */
  remove(bytes: number): void {
    this.#allowance.giveBack(bytes);
    this.bytes -= bytes;
  }
}
