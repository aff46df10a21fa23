import { backOffMs, reconnectBackOff } from './back-off.ts';
import type { Protocol, Way } from './support.ts';

/** Why a way was left. */
export const wayCauses = ['unreachable', 'pictureless', 'undecodable'] as const;
export type WayCause = (typeof wayCauses)[number];

export interface WayFailure {
  readonly protocol: Protocol;
  readonly cause: WayCause;
}

interface FailureRecord extends WayFailure {
  /** In a row, without a picture between them. */
  readonly failures: number;
  readonly retryAtMs: number;
}

/**
 * Which way is tried next. One round goes down the list once; a way that failed is left alone for its own back-off.
 * The way that last played comes first in every later round, and a better one again only when all below have
 * failed: a player that goes back by itself would lose its picture to find out what it knows. Pure but for the
 * random part of the back-off.
 */
export class FallBack {
  readonly #random: () => number;
  readonly #records = new Map<Protocol, FailureRecord>();
  readonly #tried = new Set<Protocol>();
  #played: Protocol | undefined;
  #current: Protocol | undefined;
  /** Told when a way is begun or left. */
  onChange: (() => void) | undefined;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Ways that failed and have not played since, oldest first. */
  get failures(): WayFailure[] {
    return [...this.#records.values()].map(({ protocol, cause }) => ({ protocol, cause }));
  }

  /** Some way could be opened, but not played. */
  get isUndecodable(): boolean {
    return this.failures.some(({ cause }) => cause !== 'unreachable');
  }

  /** The way that is tried or plays. */
  get current(): Protocol | undefined {
    return this.#current;
  }

  /** The way to try now; undefined when the round is over, which the next call begins anew. */
  next(ways: readonly Way[], nowMs: number): Way | undefined {
    const from = Math.max(
      0,
      ways.findIndex(({ protocol }) => protocol === this.#played),
    );
    const order = [...ways.slice(from), ...ways.slice(0, from)];
    const way = order.find(({ protocol }) => !this.#tried.has(protocol) && this.#isDue(protocol, nowMs));
    if (way) this.#tried.add(way.protocol);
    else this.#tried.clear();
    this.#current = way?.protocol;
    this.onChange?.();
    return way;
  }

  fail(protocol: Protocol, cause: WayCause, nowMs: number): void {
    const failures = (this.#records.get(protocol)?.failures ?? 0) + 1;
    const retryAtMs = nowMs + backOffMs(reconnectBackOff, failures - 1, this.#random);
    this.#records.delete(protocol);
    this.#records.set(protocol, { protocol, cause, failures, retryAtMs });
    this.#tried.add(protocol);
    this.onChange?.();
  }

  play(protocol: Protocol): void {
    this.#played = protocol;
    this.#current = protocol;
    this.#records.delete(protocol);
    this.#tried.clear();
    this.onChange?.();
  }

  /** The edge itself refused, by name: that says nothing against the ways that could not tell. */
  forgive(): void {
    this.#records.clear();
    this.#tried.clear();
  }

  /** Until the first way may be tried again; 0 when one may be now. */
  waitMs(nowMs: number): number {
    const dues = [...this.#records.values()].map(({ retryAtMs }) => retryAtMs - nowMs);
    return dues.length === 0 ? 0 : Math.max(0, Math.min(...dues));
  }

  #isDue(protocol: Protocol, nowMs: number): boolean {
    return (this.#records.get(protocol)?.retryAtMs ?? 0) <= nowMs;
  }
}
