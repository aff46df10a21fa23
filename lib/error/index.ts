/**
 * One entry of an error table: what a code means to a caller, with its status on both wires.
 * Tables live in `protocol/errors` (what crosses a process boundary) and beside lib folders.
 */
export interface ErrorEntry {
  /** HTTP status that answers this code. */
  readonly http: number;
  /** gRPC status number that carries this code. */
  readonly grpc: number;
  /** Sentence for people; never matched by code. */
  readonly message: string;
}

export type ErrorTable<Code extends string = string> = Readonly<Record<Code, ErrorEntry>>;

export interface CodedErrorOptions {
  readonly cause?: unknown;
  /** What exactly was wrong this time, safe to show to the caller (no secrets). */
  readonly detail?: string;
  /** Seconds after which a retry makes sense (`Retry-After`). */
  readonly retryAfterSeconds?: number;
}

/** The one error class of Gala: a code out of a closed table. Callers match `code`, never `message`. */
export class CodedError<Code extends string = string> extends Error {
  override readonly name = 'CodedError';
  readonly code: Code;
  readonly http: number;
  readonly grpc: number;
  readonly detail: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(table: ErrorTable<Code>, code: Code, options: CodedErrorOptions = {}) {
    const entry = table[code];
    super(options.detail ? `${entry.message}: ${options.detail}` : entry.message, { cause: options.cause });
    this.code = code;
    this.http = entry.http;
    this.grpc = entry.grpc;
    this.detail = options.detail;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** True when `error` is a CodedError with one of `codes` (any code when none is given). */
export function hasCode<Code extends string>(error: unknown, ...codes: Code[]): error is CodedError<Code> {
  return error instanceof CodedError && (codes.length === 0 || codes.includes(error.code as Code));
}

/** The code of an error; INTERNAL for what is no coded one. */
export function codeOf(error: unknown): string {
  return error instanceof CodedError ? error.code : 'INTERNAL';
}

/** Asserts an invariant of our own code: a failure is a bug, and crashes. */
export function invariant(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${what}`);
}
