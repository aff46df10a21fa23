/** Something that is looked at when its time comes. */
export interface Wheeled {
  /** The turn at which it is due; told by `Wheel.turn`. */
  dueTurn: number;
}

const slots = 256;

/**
 * Time limits of very many connections by one timer (Varghese, Lauck: "Hashed and hierarchical timing wheels", 1987):
 * to set one costs a push, and what is set again stays where it is until its slot comes by. Times are in turns.
 */
export class Wheel<Item extends Wheeled> {
  readonly #slots: Item[][] = Array.from({ length: slots }, () => []);
  readonly #onDue: (item: Item) => number;
  turn = 0;

  /** @param onDue answers in how many turns the item is due again; 0: never */
  constructor(onDue: (item: Item) => number) {
    this.#onDue = onDue;
  }

  /** The item is due in so many turns, at most 255 from now; a later call only moves an earlier one forward in time. */
  add(item: Item, turns: number): void {
    item.dueTurn = this.turn + Math.min(Math.max(1, turns), slots - 1);
    this.#slots[item.dueTurn % slots].push(item);
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
