import type { AccessUnit } from '@gala/media/mp4';

/** The mean is begun anew after so much sound. */
const meanMs = 10_000;
const leastMs = 500;

/** The bit rate of sound, from its units. */
export class SoundRate {
  #bytes = 0;
  #firstMs: number | undefined;
  /** Mean of the last seconds; 0 until there is any. */
  bitsPerSecond = 0;

  add({ dtsMs, payload }: Pick<AccessUnit, 'dtsMs' | 'payload'>): void {
    this.#firstMs ??= dtsMs;
    const elapsedMs = dtsMs - this.#firstMs;
    const isWhole = elapsedMs >= meanMs || (this.bitsPerSecond === 0 && elapsedMs >= leastMs);
    if (isWhole) this.bitsPerSecond = (this.#bytes * 8000) / elapsedMs;
    if (elapsedMs >= meanMs) this.#firstMs = dtsMs;
    this.#bytes = elapsedMs >= meanMs ? payload.length : this.#bytes + payload.length;
  }
}
