import type { Position } from '@gala/protocol/signals';
import type { Shared } from './shared.ts';

/** In what a room says. */
export type Place = Pick<Position, 'epoch' | 'offset'>;

/** Nothing follows it. */
export const nowhere: Place = { epoch: 0, offset: 0 };

/**
 * What a room said and not all of its clients have been sent, by number. Bounded by what owners say while its clients
 * are written to twice.
 */
export class Backlog {
  #items: Shared[] = [];
  /** Where the room was with each of them. */
  #places: Place[] = [];
  /** Number of the last that was dropped, and where the room was then. */
  #dropped = 0;
  #droppedPlace = nowhere;

  /** Things said so far: the number of the last one. */
  get count(): number {
    return this.#dropped + this.#items.length;
  }

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  /** @param place of the room when it was said */
  add(item: Shared, place: Place): void {
    this.#items.push(item);
    this.#places.push(place);
  }

  /** What was said after one and up to another, both by number. */
  between(after: number, to: number): readonly Shared[] {
    return this.#items.slice(after - this.#dropped, to - this.#dropped);
  }

  /** Where the room was when this was said. */
  placeOf(number: number): Place {
    return number > this.#dropped ? this.#places[number - this.#dropped - 1] : this.#droppedPlace;
  }

  /** All clients have been sent what was said up to this number. */
  drop(upTo: number): void {
    if (upTo <= this.#dropped) return;
    this.#droppedPlace = this.placeOf(upTo);
    this.#items = this.#items.slice(upTo - this.#dropped);
    this.#places = this.#places.slice(upTo - this.#dropped);
    this.#dropped = upTo;
  }
}
