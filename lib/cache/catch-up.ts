export const catchUpCounterNames = ['caughtUp', 'catchUpsDropped'] as const;

export interface CatchUpOptions {
  /** True when the writer's own message has been heard by now, or the message of who caught up first. */
  readonly isHeard: (key: string, version: number) => boolean;
  readonly invalidate: (key: string, version: number) => Promise<void>;
  readonly counters: Record<(typeof catchUpCounterNames)[number], number>;
}

/** Changes that wait to be looked at; of more the newest are left to the TTL (`catchUpsDropped`). */
const waitingMax = 8192;
/** A writer's own message comes within one to two of these, unless it was killed before it could tell. */
const waitMs = 200;
const atOnceMax = 64;

/**
 * Changes that the source's own feed tells of, later than the process that made them. Almost all have been heard of
 * by then and cost one look; what was not heard of within 200 to 400 ms is invalidated in place of its writer.
 */
export class CatchUp implements Disposable {
  readonly #options: CatchUpOptions;
  /** Told of since the last look, and before it. */
  #young = new Map<string, number>();
  #old = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  told(key: string, version: number): void {
    const { isHeard, counters } = this.#options;
    if (this.#isClosed || isHeard(key, version)) return;
    if (this.#young.size + this.#old.size >= waitingMax && !this.#young.has(key)) {
      counters.catchUpsDropped++;
      return;
    }
    this.#young.set(key, Math.max(version, this.#young.get(key) ?? 0));
    this.#lookLater();
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #lookLater(): void {
    this.#timer ??= setTimeout(() => void this.#look(), waitMs).unref();
  }

  /** The next look is after this one: a slow level makes them wait, not pile up. */
  async #look(): Promise<void> {
    const { isHeard, invalidate, counters } = this.#options;
    const unheard = [...this.#old].filter(([key, version]) => !isHeard(key, version));
    this.#old = this.#young;
    this.#young = new Map();
    for (let index = 0; index < unheard.length && !this.#isClosed; index += atOnceMax) {
      const batch = unheard.slice(index, index + atOnceMax);
      counters.caughtUp += batch.length;
      await Promise.all(batch.map(([key, version]) => invalidate(key, version)));
    }
    this.#timer = undefined;
    if (this.#old.size + this.#young.size > 0 && !this.#isClosed) this.#lookLater();
  }
}
