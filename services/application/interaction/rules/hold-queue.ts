import type { Draft } from '../types.ts';
import { Recent } from './recent.ts';

export interface HeldComment {
  readonly signalId: string;
  readonly draft: Extract<Draft, { readonly type: 'comment' }>;
  readonly heldAtMs: number;
  /** Why it waits. */
  readonly reason: 'all' | 'word' | 'link';
}

export const heldMax = 200;
export const heldMs = 600_000;
/** Reviews that are remembered, so that one may be said twice. */
const reviewedMax = 1000;

/** Comments of one room that wait for a moderator, oldest first. At the bound the oldest goes, and after ten minutes each. */
export class HoldQueue {
  /** At the bound. */
  dropped = 0;
  expired = 0;
  readonly #held = new Map<string, HeldComment>();
  readonly #reviewed = new Recent<string, boolean>(reviewedMax);

  get size(): number {
    return this.#held.size;
  }

  add(held: HeldComment): void {
    this.#expire(held.heldAtMs);
    if (this.#held.size >= heldMax) this.#dropOldest();
    this.#held.set(held.signalId, held);
  }

  list(nowMs: number): HeldComment[] {
    this.#expire(nowMs);
    return [...this.#held.values()];
  }

  /** Takes it out of the queue; undefined when it is not there any more. */
  take(signalId: string, nowMs: number): HeldComment | undefined {
    this.#expire(nowMs);
    const held = this.#held.get(signalId);
    this.#held.delete(signalId);
    return held;
  }

  reviewed(signalId: string, approves: boolean): void {
    this.#reviewed.set(signalId, approves);
  }

  /** Whether it was approved; undefined for what was not reviewed, or long ago. */
  reviewOf(signalId: string): boolean | undefined {
    return this.#reviewed.get(signalId);
  }

  /** Of one who was sanctioned. */
  removeOf(userId: number): void {
    for (const { signalId, draft } of this.#held.values())
      if (draft.author.userId === userId) this.#held.delete(signalId);
  }

  #expire(nowMs: number): void {
    for (const { signalId, heldAtMs } of this.#held.values()) {
      if (heldAtMs > nowMs - heldMs) return;
      this.#held.delete(signalId);
      this.expired++;
    }
  }

  #dropOldest(): void {
    for (const oldest of this.#held.keys()) {
      this.#held.delete(oldest);
      this.dropped++;
      return;
    }
  }
}
