import type { Clock } from '@gala/lib/clock';

const suspectsMax = 65_536;
/** A change that a refresh saw before the feed told it is told within this; what is not was missed. */
const settleMs = 5000;

/**
 * Rooms that a refresh found other than they were known. Most are changes that the feed tells a moment later; the
 * rest it has missed, and those are counted.
 */
export class Suspects {
  readonly #clock: Clock;
  readonly #versions = new Map<number, { readonly version: number; readonly foundAtMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The feed is expected to tell this version, or a later one. */
  add(roomId: number, version: number): void {
    if (this.#versions.size < suspectsMax) {
      this.#versions.set(roomId, { version, foundAtMs: this.#clock.monotonicMs() });
    }
  }

  /** The feed has told of a room. */
  told(roomId: number, version: number): void {
    if (this.#versions.size === 0) return;
    const suspect = this.#versions.get(roomId);
    if (suspect && version >= suspect.version) this.#versions.delete(roomId);
  }

  /** How many the feed has missed since this was asked last. */
  takeMissed(): number {
    const settledMs = this.#clock.monotonicMs() - settleMs;
    let missed = 0;
    for (const [roomId, { foundAtMs }] of this.#versions) {
      if (foundAtMs > settledMs) break;
      this.#versions.delete(roomId);
      missed++;
    }
    return missed;
  }
}
