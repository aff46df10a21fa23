import { LoopDelay } from '@gala/lib/timing';
import { tiers } from '@gala/protocol/signals';
import type { SignalConfig } from './config.ts';
import type { SignalEvents } from './events.ts';
import type { Pressure } from './pressure.ts';

/** Delays of the event loop (p99 of the last look) from which everybody gets less, by tier: so many times `busyLoopMs`. */
const floors = [0, 1, 3] as const;
/** A load is believed after so many looks in a row, and that it has gone after more. */
const busyLooks = 2;
const calmLooks = 5;

/** How busy this process is: it sets the most that clients get, down soon and up slowly. */
export class Load implements Disposable {
  loopDelayMs = 0;
  readonly #delay = new LoopDelay();
  readonly #busyLoopMs: number;
  readonly #pressure: Pressure;
  readonly #events: SignalEvents;
  #busy = 0;
  #calm = 0;

  constructor({ busyLoopMs }: Pick<SignalConfig, 'busyLoopMs'>, pressure: Pressure, events: SignalEvents) {
    this.#busyLoopMs = busyLoopMs;
    this.#pressure = pressure;
    this.#events = events;
  }

  /** Call about once a second. */
  look(): void {
    this.loopDelayMs = this.#delay.takeP99Ms();
    const wanted = floors.findLastIndex((times) => this.loopDelayMs >= times * this.#busyLoopMs);
    this.#calm = wanted < this.#pressure.floor ? this.#calm + 1 : 0;
    this.#busy = wanted > this.#pressure.floor ? this.#busy + 1 : 0;
    if (this.#busy >= busyLooks) this.#set(wanted);
    else if (this.#calm >= calmLooks) this.#set(this.#pressure.floor - 1);
  }

  [Symbol.dispose](): void {
    this.#delay[Symbol.dispose]();
  }

  #set(floor: number): void {
    this.#pressure.floor = floor;
    this.#busy = 0;
    this.#calm = 0;
    this.#events.tierFloor(tiers[floor], Math.round(this.loopDelayMs));
  }
}
