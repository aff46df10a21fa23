/** A key that was counted: between `count - error` and `count` times. */
export interface HeavyHitter<Key> {
  readonly key: Key;
  readonly count: number;
  readonly error: number;
}

/**
 * The most frequent keys of a stream in fixed memory (Space-Saving: Metwally, Agrawal, El Abbadi, ICDT 2005): every
 * key with more than `total / size` is among them, and a count is too high by at most the least count. The counts lie
 * in a heap whose top is the least, so a frequent key, which sinks to its end, costs a look-up and two comparisons.
 * Counting allocates nothing.
 */
export class HeavyHitters<Key> {
  readonly #size: number;
  readonly #slots = new Map<Key, number>();
  readonly #keys: Key[] = [];
  readonly #counts: Float64Array;
  readonly #errors: Float64Array;
  /** Slots in heap order, and of each slot its place in the heap. */
  readonly #heap: Uint32Array;
  readonly #places: Uint32Array;
  #total = 0;

  constructor(size: number) {
    this.#size = size;
    this.#counts = new Float64Array(size);
    this.#errors = new Float64Array(size);
    this.#heap = new Uint32Array(size);
    this.#places = new Uint32Array(size);
  }

  /** Everything counted since the last `clear`. */
  get total(): number {
    return this.#total;
  }

  add(key: Key, weight: number): void {
    this.#total += weight;
    const slot = this.#slots.get(key);
    if (slot !== undefined) {
      this.#counts[slot] += weight;
      this.#sink(this.#places[slot]);
    } else if (this.#slots.size < this.#size) {
      this.#append(key, weight);
    } else {
      this.#replaceLeast(key, weight);
    }
  }

  /** Those counted at least `countMin` times, most frequent first. */
  top(max: number, countMin: number): HeavyHitter<Key>[] {
    const found: HeavyHitter<Key>[] = [];
    for (let slot = 0; slot < this.#slots.size; slot++) {
      const count = this.#counts[slot];
      if (count >= countMin) found.push({ key: this.#keys[slot], count, error: this.#errors[slot] });
    }
    return found.sort((a, b) => b.count - a.count).slice(0, max);
  }

  clear(): void {
    this.#slots.clear();
    this.#keys.length = 0;
    this.#total = 0;
  }

  #append(key: Key, weight: number): void {
    const slot = this.#slots.size;
    this.#slots.set(key, slot);
    this.#keys[slot] = key;
    this.#counts[slot] = weight;
    this.#errors[slot] = 0;
    this.#heap[slot] = slot;
    this.#places[slot] = slot;
    this.#rise(slot);
  }

  #replaceLeast(key: Key, weight: number): void {
    const slot = this.#heap[0];
    this.#slots.delete(this.#keys[slot]);
    this.#slots.set(key, slot);
    this.#keys[slot] = key;
    this.#errors[slot] = this.#counts[slot];
    this.#counts[slot] += weight;
    this.#sink(0);
  }

  #rise(from: number): void {
    for (let place = from; place > 0;) {
      const parent = (place - 1) >> 1;
      if (this.#countAt(parent) <= this.#countAt(place)) return;
      this.#swap(place, parent);
      place = parent;
    }
  }

  #sink(from: number): void {
    const size = this.#slots.size;
    for (let place = from; ;) {
      let least = 2 * place + 1;
      if (least >= size) return;
      if (least + 1 < size && this.#countAt(least + 1) < this.#countAt(least)) least++;
      if (this.#countAt(place) <= this.#countAt(least)) return;
      this.#swap(place, least);
      place = least;
    }
  }

  #countAt(place: number): number {
    return this.#counts[this.#heap[place]];
  }

  #swap(one: number, other: number): void {
    const slot = this.#heap[one];
    this.#heap[one] = this.#heap[other];
    this.#heap[other] = slot;
    this.#places[this.#heap[one]] = one;
    this.#places[slot] = other;
  }
}
