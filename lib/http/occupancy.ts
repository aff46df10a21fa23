/** How many places there are, altogether and for one address. */
export interface OccupancyLimits {
  readonly max: number;
  readonly perAddressMax: number;
}

/** Places that are taken, altogether and by address. Bounded by those who ask `hasRoom` before they take one. */
export class Occupancy {
  readonly #byAddress = new Map<string, number>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  hasRoom(address: string, { max, perAddressMax }: OccupancyLimits): boolean {
    return this.#size < max && (this.#byAddress.get(address) ?? 0) < perAddressMax;
  }

  take(address: string): void {
    this.#size++;
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1);
  }

  /** Once for each place that was taken. */
  giveBack(address: string): void {
    this.#size--;
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }
}
