import type { Clock } from '@gala/lib/clock';

/** An edge that has said nothing for this long is not counted any more; some beats may go to another process. */
const freshMs = 10_000;

interface Relayed {
  readonly saidAtMs: number;
  readonly viewers: ReadonlyMap<number, number>;
}

/**
 * Viewers of copies, as the edges that relay them said last. A beat of the owner brings only its own, so these are
 * kept from one beat to the next. Bounded by the edges and the streams that a beat may name.
 */
export class RelayedViewers {
  readonly #clock: Clock;
  /** In the order in which they spoke last. */
  readonly #byEdge = new Map<string, Relayed>();
  readonly #totals = new Map<number, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** All that an edge relays now, by room: what it said before no longer counts. */
  note(edgeId: string, viewers: ReadonlyMap<number, number>): void {
    const nowMs = this.#clock.nowMs();
    this.#forget(edgeId);
    if (viewers.size > 0) this.#byEdge.set(edgeId, { saidAtMs: nowMs, viewers });
    for (const [roomId, count] of viewers) this.#add(roomId, count);
    for (const [silent, { saidAtMs }] of this.#byEdge) {
      if (nowMs - saidAtMs < freshMs) break;
      this.#forget(silent);
    }
  }

  /** Viewers of a room at the edges that do not own it. */
  of(roomId: number): number {
    return this.#totals.get(roomId) ?? 0;
  }

  #forget(edgeId: string): void {
    for (const [roomId, count] of this.#byEdge.get(edgeId)?.viewers ?? []) this.#add(roomId, -count);
    this.#byEdge.delete(edgeId);
  }

  #add(roomId: number, change: number): void {
    const total = this.of(roomId) + change;
    if (total > 0) this.#totals.set(roomId, total);
    else this.#totals.delete(roomId);
  }
}
