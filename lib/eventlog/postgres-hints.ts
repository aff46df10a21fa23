import type { Client } from 'pg';
import type { Metrics } from '../metrics/index.ts';
import type { Database } from '../sql/index.ts';
import { notify, notifyChannel } from './postgres-statements.ts';

export interface HintsOptions {
  readonly database: Database;
  readonly metrics: Metrics;
  onHint(topic: number): void;
  /** Hints were heard, and now are not: the database, or the way to it, was away. */
  onLost(): void;
}

/** Hints of one process to the others: so far apart at least. */
const sendSpacingMs = 10;
const reconnectEveryMs = 1000;
const statementWithinMs = 2000;
/** Looking without a hint: while hints are heard only for those that got lost. */
const idleMs = 1000;
const idleDeafMs = 50;

/**
 * Tells other processes that a topic has grown and hears it from them, by NOTIFY. Only a hint: what is missed is
 * found by looking a little later. Listening takes one connection outside the pool, from the first reader on.
 */
export class Hints implements AsyncDisposable {
  readonly #options: HintsOptions;
  readonly #counters: Record<'hintsSent' | 'hintsHeard', number>;
  readonly #unsent = new Set<number>();
  #lastSentMs = 0;
  #sendTimer: NodeJS.Timeout | undefined;
  #client: Client | undefined;
  #connecting: Promise<void> | undefined;
  #listening = false;
  #closed = false;

  constructor(options: HintsOptions) {
    this.#options = options;
    this.#counters = options.metrics.counters('eventlog', ['hintsSent', 'hintsHeard']);
  }

  idleMs(): number {
    return this.#client ? idleMs : idleDeafMs;
  }

  listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    this.#connecting = this.#connect();
  }

  send(topic: number): void {
    this.#unsent.add(topic);
    if (this.#sendTimer || this.#closed) return;
    const dueMs = Math.max(0, this.#lastSentMs + sendSpacingMs - performance.now());
    this.#sendTimer = setTimeout(() => void this.#send(), dueMs).unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#sendTimer);
    await this.#connecting;
    await this.#client?.end().catch(() => undefined);
  }

  async #send(): Promise<void> {
    const topics = [...this.#unsent];
    this.#unsent.clear();
    this.#lastSentMs = performance.now();
    this.#counters.hintsSent++;
    await notify(this.#options.database.pool, topics).catch(() => undefined);
    this.#sendTimer = undefined;
    if (this.#unsent.size > 0) this.send(this.#unsent.values().next().value!);
  }

  async #connect(): Promise<void> {
    let client: Client | undefined;
    try {
      client = await this.#options.database.openClient(statementWithinMs);
      client.on('notification', ({ payload }) => this.#heard(payload));
      client.on('end', () => this.#lost());
      await client.query(`listen ${notifyChannel}`);
      this.#client = client;
    } catch {
      await client?.end().catch(() => undefined);
      if (!client) this.#lost();
    }
  }

  #heard(payload = ''): void {
    this.#counters.hintsHeard++;
    for (const topic of payload.split(',')) this.#options.onHint(Number(topic));
  }

  /** Readers look more often until hints are heard again. */
  #lost(): void {
    const wasHeard = this.#client !== undefined;
    this.#client = undefined;
    if (this.#closed) return;
    if (wasHeard) this.#options.onLost();
    setTimeout(() => {
      if (!this.#closed) this.#connecting = this.#connect();
    }, reconnectEveryMs).unref();
  }
}
