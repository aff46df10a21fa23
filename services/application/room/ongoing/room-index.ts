const none = -1;

/** Slots by room id: open addressing over typed arrays, four bytes an entry at half load and no object. */
export class RoomIndex {
  readonly #idAt: (slot: number) => number;
  #slots = new Int32Array(2048).fill(none);
  #size = 0;

  /** @param idAt the room in a slot that was added */
  constructor(idAt: (slot: number) => number) {
    this.#idAt = idAt;
  }

  get size(): number {
    return this.#size;
  }

  /** The slot of a room, -1 when it has none. */
  find(roomId: number): number {
    const mask = this.#slots.length - 1;
    for (let place = home(roomId, mask); ; place = (place + 1) & mask) {
      const slot = this.#slots[place];
      if (slot === none || this.#idAt(slot) === roomId) return slot;
    }
  }

  /** The room must not be there yet. */
  add(roomId: number, slot: number): void {
    if (2 * (this.#size + 1) > this.#slots.length) this.#grow();
    this.#place(roomId, slot);
    this.#size++;
  }

  /** The room must be there. What follows it in its run closes the hole, so nothing is left behind. */
  remove(roomId: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = home(roomId, mask);
    while (this.#idAt(slots[hole]) !== roomId) hole = (hole + 1) & mask;
    for (let next = (hole + 1) & mask; slots[next] !== none; next = (next + 1) & mask) {
      const wanted = home(this.#idAt(slots[next]), mask);
      if (((next - wanted) & mask) < ((next - hole) & mask)) continue;
      slots[hole] = slots[next];
      hole = next;
    }
    slots[hole] = none;
    this.#size--;
  }

  #place(roomId: number, slot: number): void {
    const mask = this.#slots.length - 1;
    let place = home(roomId, mask);
    while (this.#slots[place] !== none) place = (place + 1) & mask;
    this.#slots[place] = slot;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(2 * old.length).fill(none);
    for (const slot of old) if (slot !== none) this.#place(this.#idAt(slot), slot);
  }
}

/** Finalizer of MurmurHash3 over both halves of the id. */
function home(roomId: number, mask: number): number {
  const high = Math.floor(roomId / 2 ** 32);
  let hash = (roomId - high * 2 ** 32) ^ Math.imul(high, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) & mask;
}
