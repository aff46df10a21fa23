/** What was seen last of each key, for so many keys: beyond, the one that was set first is forgotten and counted. */
export class Recent<Key, Value> {
  forgotten = 0;
  readonly #values = new Map<Key, Value>();
  readonly #keysMax: number;

  constructor(keysMax: number) {
    this.#keysMax = keysMax;
  }

  get size(): number {
    return this.#values.size;
  }

  get(key: Key): Value | undefined {
    return this.#values.get(key);
  }

  set(key: Key, value: Value): void {
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size <= this.#keysMax) return;
    for (const oldest of this.#values.keys()) {
      this.#values.delete(oldest);
      this.forgotten++;
      return;
    }
  }

  delete(key: Key): void {
    this.#values.delete(key);
  }

  clear(): void {
    this.#values.clear();
  }
}
