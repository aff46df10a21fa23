/** A call into FFmpeg failed; `status` is its negative AVERROR. */
export class AvError extends Error {
  override readonly name = 'AvError';
  readonly status: number;

  constructor(what: string, status: number) {
    super(`${what} failed with ${status}`);
    this.status = status;
  }
}

/** Passes a status that is not an error. */
export function check(status: number, what: string): number {
  if (status < 0) throw new AvError(what, status);
  return status;
}
