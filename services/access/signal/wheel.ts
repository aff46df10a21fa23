const slots = 256;

/**
 * Time limits of very many connections by one timer (Varghese, Lauck: "Hashed and hierarchical timing wheels", 1987):
 * to set one costs a push, and nothing is done for it until its turn comes.
 */
export class Wheel<Item> {
  readonly #slots: Item[][] = Array.from({ length: slots }, () => []);
  readonly #onDue: (item: Item) => number;
  /** Turns so far. */
  turn = 0;

  /** @param onDue answers in how many turns the item is due again; 0: never */
  constructor(onDue: (item: Item) => number) {
    this.#onDue = onDue;
  }

  /** The item is due in so many turns, 255 at most. */
  add(item: Item, turns: number): void {
    const due = this.turn + Math.min(Math.max(1, Math.ceil(turns)), slots - 1);
    this.#slots[due % slots].push(item);
  }

  /** Goes on by one turn. */
  advance(): void {
    this.turn++;
    const index = this.turn % slots;
    const items = this.#slots[index];
    this.#slots[index] = [];
    for (const item of items) {
      const turns = this.#onDue(item);
      if (turns > 0) this.add(item, turns);
    }
  }
}
