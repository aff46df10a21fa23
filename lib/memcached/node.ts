import { setTimeout as sleep } from 'node:timers/promises';
import type { Breaker } from '../breaker/index.ts';
import type { Clock } from '../clock/index.ts';
import { hasCode } from '../error/index.ts';
import { getCommand, newTombstone, writeItem, type Write, type WriteOutcome } from './commands.ts';
import type { NodeConnection } from './connection.ts';
import type { PeerCounters } from './counters.ts';
import type { NodeEvents } from './events.ts';
import type { PeerLimits } from './limits.ts';
import type { Reply } from './replies.ts';

/** Invalidations that a node is given at once when it is back. */
const owedAtOnce = 128;

export interface NodeOptions {
  readonly connection: NodeConnection;
  readonly breaker: Breaker;
  readonly clock: Clock;
  readonly limits: PeerLimits;
  readonly counters: PeerCounters;
  readonly events: NodeEvents;
}

/**
 * One Memcached: asked while it is well, left alone while it is not, and probed without anybody waiting. What it must
 * not answer any more is kept for it meanwhile, and it is not asked before it knows.
 */
export class PeerNode implements AsyncDisposable {
  readonly #options: NodeOptions;
  /** Newest invalidations that it missed, by key. */
  readonly #owed = new Map<string, number>();
  readonly #closing = new AbortController();
  readonly #heartbeat: NodeJS.Timeout;
  #mustBeEmptied = false;
  #awaySinceMs: number | undefined;
  #answersFromMs = -Infinity;
  #askedAtMs = -Infinity;
  #mending: Promise<void> = Promise.resolve();

  constructor(options: NodeOptions) {
    this.#options = options;
    const { probeEveryMs } = options.limits;
    this.#heartbeat = setInterval(() => void this.#lookAfter(), probeEveryMs).unref();
  }

  /** Whether it can be asked now; what it would answer may be out of date otherwise. */
  get canAnswer(): boolean {
    return this.#awaySinceMs === undefined && this.#options.clock.monotonicMs() >= this.#answersFromMs;
  }

  /** Connects; a node that does not come in time is away. */
  async start(): Promise<void> {
    try {
      await this.#options.connection.connect(this.#options.limits.connectMsMax);
    } catch (error) {
      this.#leaveAlone(error);
    }
  }

  /** One reply for each key; undefined when it was not asked or did not answer. */
  async read(itemKeys: readonly string[]): Promise<readonly Reply[] | undefined> {
    if (!this.canAnswer) return undefined;
    try {
      return await this.#send([getCommand(itemKeys)], itemKeys.length);
    } catch {
      return undefined;
    }
  }

  /**
   * What became of it; undefined when it could not be written. Something older may be there then, and is taken away
   * later; but what was only to be filled into a node that is away anyway is forgotten.
   */
  async write(write: Write): Promise<WriteOutcome | undefined> {
    const isTried = this.#awaySinceMs === undefined;
    const outcome = isTried ? await this.#tryWrite(write) : undefined;
    const { isTombstone, version } = write.item;
    if ((isTried || isTombstone) && !isDone(outcome, write)) this.#owe(write.key, version);
    return outcome;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#heartbeat);
    this.#closing.abort();
    this.#options.connection[Symbol.dispose]();
    await this.#mending;
  }

  async #tryWrite(write: Write): Promise<WriteOutcome | undefined> {
    try {
      const outcome = await writeItem(this.#send, write);
      if (outcome.kind === 'contended') this.#options.counters.contended++;
      if (outcome.kind === 'refused') this.#options.counters.failures++;
      return outcome;
    } catch {
      return undefined;
    }
  }

  /** Every request passes here: the breaker judges it, and a breaker that opens makes the node leave. */
  readonly #send = async (commands: readonly (string | Buffer)[], replyCount: number): Promise<Reply[]> => {
    const { breaker, connection, counters } = this.#options;
    try {
      this.#askedAtMs = this.#options.clock.monotonicMs();
      if (!connection.hasRoomFor(replyCount)) return await connection.request(commands, replyCount);
      return await breaker.run(() => connection.request(commands, replyCount));
    } catch (error) {
      if (hasCode(error, 'PEER_TIMEOUT')) counters.timeouts++;
      else if (hasCode(error, 'PEER_BUSY')) counters.refusals++;
      else if (!hasCode(error, 'BREAKER_OPEN', 'PEER_CLOSED')) counters.failures++;
      if (breaker.phase !== 'closed') this.#leaveAlone(error);
      throw error;
    }
  };

  #owe(key: string, version: number): void {
    const { limits, counters } = this.#options;
    if (this.#closing.signal.aborted) return;
    counters.owed++;
    if (this.#owed.size >= limits.owedMax && !this.#owed.has(key)) {
      this.#mustBeEmptied = true;
      this.#owed.clear();
    }
    if (!this.#mustBeEmptied) this.#owed.set(key, Math.max(version, this.#owed.get(key) ?? 0));
    this.#leaveAlone();
  }

  /** With a cause it is away; without one it is only owed something. */
  #leaveAlone(cause?: unknown): void {
    if (this.#awaySinceMs !== undefined || this.#closing.signal.aborted) return;
    this.#awaySinceMs = this.#options.clock.monotonicMs();
    this.#mending = this.#mend(cause);
  }

  /**
   * Until it answers and is owed nothing. What it missed by a single slow answer it is told at once; else it is away,
   * and others who found it away have to tell it as well before it is asked.
   */
  async #mend(cause: unknown): Promise<void> {
    const { breaker, limits, events } = this.#options;
    const { signal } = this.#closing;
    let isAway = cause !== undefined;
    if (isAway) events.away(cause);
    while (!signal.aborted && !(await this.#isMended(isAway))) {
      if (!isAway && breaker.phase !== 'closed') {
        isAway = true;
        events.away(cause);
      }
      const waitMs = limits.probeEveryMs * (0.5 + Math.random() / 2);
      await sleep(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async #isMended(isAway: boolean): Promise<boolean> {
    const { breaker } = this.#options;
    try {
      await breaker.run(() => this.#probe());
      if (breaker.phase !== 'closed') return false;
      await this.#payOwed();
      // Nothing may come between the last look at what is owed and this.
      this.#takeBack(isAway);
      return true;
    } catch {
      return false;
    }
  }

  async #probe(): Promise<void> {
    const { connection, limits } = this.#options;
    await connection.connect(limits.connectMsMax);
    await connection.request(['mn\r\n'], 1);
  }

  #takeBack(wasAway: boolean): void {
    const { clock, limits, events } = this.#options;
    const nowMs = clock.monotonicMs();
    const awayMs = nowMs - (this.#awaySinceMs ?? nowMs);
    this.#awaySinceMs = undefined;
    if (!wasAway) return;
    this.#answersFromMs = nowMs + limits.settleMs;
    events.back(awayMs);
  }

  async #payOwed(): Promise<void> {
    if (this.#mustBeEmptied) {
      await this.#send(['flush_all\r\n'], 1);
      this.#mustBeEmptied = false;
      this.#options.events.emptied();
    }
    while (this.#owed.size > 0) {
      await Promise.all(
        this.#owed
          .entries()
          .take(owedAtOnce)
          .map((owed) => this.#pay(owed)),
      );
    }
  }

  async #pay([key, version]: [string, number]): Promise<void> {
    const write = newTombstone(key, version);
    const isPaid = isDone(await writeItem(this.#send, write), write);
    if (isPaid && this.#owed.get(key) === version) this.#owed.delete(key);
  }

  /** A node that nobody asks is asked for nothing, so that this process knows when it was away. */
  async #lookAfter(): Promise<void> {
    const { clock, limits } = this.#options;
    if (this.#awaySinceMs !== undefined) return;
    if (clock.monotonicMs() - this.#askedAtMs < limits.probeEveryMs * 2) return;
    await this.#send(['mn\r\n'], 1).catch(() => undefined);
  }
}

/** False when something older may be there still. */
function isDone(outcome: WriteOutcome | undefined, { item }: Write): boolean {
  if (outcome?.kind === 'contended') return outcome.version >= item.version;
  return outcome !== undefined && (outcome.kind !== 'refused' || item.isTombstone);
}
