const WINDOW_MS = 10_000;
/** Correction at one segment: players take it for rounding. */
const STEP_MS_MAX = 5;
/** Beyond this the wall clock was set, or the stream stood still. */
const JUMP_MS = 2000;

/**
 * Maps the clock of a stream to the wall clock of the ingest, for `EXT-X-PROGRAM-DATE-TIME`. What arrives is late by
 * a varying time and never early, so the least delay of the last 10 to 20 s counts; it is followed in small steps,
 * which takes out the drift between the clock of the sender and ours.
 */
export class WallClock {
  #offsetMs: number | undefined;
  #windowStartMs = 0;
  #leastMs = Infinity;
  #leastBeforeMs = Infinity;
  /** Times the mapping was set anew, for the counters. */
  jumps = 0;

  /** A unit of `mediaMs` on the clock of the stream has arrived at `wallMs`, Unix time. */
  observe(mediaMs: number, wallMs: number): void {
    if (Math.abs(wallMs - this.#windowStartMs) >= WINDOW_MS) {
      const isNext = wallMs > this.#windowStartMs && wallMs - this.#windowStartMs < 2 * WINDOW_MS;
      this.#leastBeforeMs = isNext ? this.#leastMs : Infinity;
      this.#leastMs = Infinity;
      this.#windowStartMs = wallMs;
    }
    this.#leastMs = Math.min(this.#leastMs, wallMs - mediaMs);
    this.#offsetMs ??= this.#leastMs;
  }

  /** Unix ms of a time of the stream; to be asked once for each segment, as it moves the correction on. */
  at(mediaMs: number): number {
    const least = Math.min(this.#leastMs, this.#leastBeforeMs);
    const before = this.#offsetMs ?? 0;
    const error = Number.isFinite(least) ? least - before : 0;
    const isJump = Math.abs(error) > JUMP_MS;
    if (isJump) this.jumps += 1;
    this.#offsetMs = before + (isJump ? error : Math.min(Math.max(error, -STEP_MS_MAX), STEP_MS_MAX));
    return Math.round(mediaMs + this.#offsetMs);
  }

  /** The clock of the stream does not go on as before. */
  reset(): void {
    this.#offsetMs = undefined;
    this.#leastMs = Infinity;
    this.#leastBeforeMs = Infinity;
  }
}
