/** Rooms remembered, over both generations; the oldest goes first. */
const roomsMax = 131_072;

/**
 * Rooms that have left, with their last version, so that what was told or read before does not bring them back.
 * Kept for one to two refreshes.
 */
export class Departed {
  #present = new Map<number, number>();
  #before = new Map<number, number>();

  get size(): number {
    return this.#present.size + this.#before.size;
  }

  add(roomId: number, version: number): void {
    this.#present.set(roomId, Math.max(version, this.#present.get(roomId) ?? 0));
    if (this.#present.size > roomsMax) this.#present.delete(this.#present.keys().next().value!);
  }

  /** True when the room left with this version or a later one. */
  has(roomId: number, version: number): boolean {
    return this.leftSinceTurn(roomId, version) || (this.#before.get(roomId) ?? 0) >= version;
  }

  /** The same, of those only that left since the last turn. */
  leftSinceTurn(roomId: number, version: number): boolean {
    return (this.#present.get(roomId) ?? 0) >= version;
  }

  /** Forgets those before the last turn. */
  turn(): void {
    this.#before = this.#present;
    this.#present = new Map();
  }
}
