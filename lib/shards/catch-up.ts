import { CodedError } from '../error/index.ts';
import type { Message, Replication, SnapshotAndFeed } from '../changes/index.ts';
import { movePrefix } from '../sql/index.ts';
import { shardErrors } from './errors.ts';
import { NetChanges } from './net-changes.ts';
import type { Staging } from './staging.ts';
import { misfit, type ShardedTable } from './tables.ts';

/** Changes that wait to be applied; above it the source is not read. */
const waitingMax = 10_000;

/** In the feed of the move, tells how far it has come. */
export const markPrefix = 'gala.mark';

/** Applies the changes of the shard to its staged copy, in order, transaction by transaction. */
export class CatchUp {
  readonly #staging: Staging;
  readonly #net: NetChanges;
  #replication: Replication | undefined;
  #waiting: Message[] = [];
  #isRunning = false;
  #isHeld = false;
  /** This transaction is the shard's leaving, which is not to be copied. */
  #isLeaving = false;
  #failure: Error | undefined;
  readonly #marks = new Map<string, PromiseWithResolvers<void>>();
  /** Rows changed since the copy. */
  changes = 0;

  private constructor(staging: Staging, tables: readonly ShardedTable[]) {
    this.#staging = staging;
    this.#net = new NetChanges(tables);
  }

  static async start(
    feed: SnapshotAndFeed,
    staging: Staging,
    tables: readonly ShardedTable[],
  ): Promise<CatchUp> {
    const catchUp = new CatchUp(staging, tables);
    catchUp.#replication = await feed.stream({
      onMessage: (message) => catchUp.#take(message),
      onEnd: (error) => catchUp.#fail(error ?? new Error('the feed ended')),
    });
    return catchUp;
  }

  /** Resolves when everything that was committed before `write` wrote its mark is applied and durable. */
  async until(write: (mark: string) => Promise<unknown>, withinMs: number): Promise<void> {
    const mark = crypto.randomUUID();
    const reached = Promise.withResolvers<void>();
    this.#marks.set(mark, reached);
    reached.promise.catch(() => undefined);
    const late = setTimeout(
      () => reached.reject(new CodedError(shardErrors, 'SHARD_BUSY', { detail: `${withinMs} ms behind` })),
      withinMs,
    );
    try {
      if (this.#failure) throw this.#failure;
      await write(mark);
      await reached.promise;
    } finally {
      clearTimeout(late);
      this.#marks.delete(mark);
    }
  }

  /** Nothing more is applied: the copy is what was leaving. */
  hold(): void {
    this.#isHeld = true;
  }

  /** The shard stays, and goes on changing. */
  goOn(): void {
    this.#isHeld = false;
    if (!this.#isRunning) void this.#run();
  }

  #take(message: Message): void {
    if (message.kind === 'relation' || message.kind === 'other') return;
    if (message.kind === 'begin') this.#isLeaving = false;
    if (message.kind === 'logical' && message.prefix === movePrefix) this.#isLeaving = true;
    if (this.#isLeaving) return;
    this.#waiting.push(message);
    if (this.#waiting.length >= waitingMax) this.#replication?.pause();
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      while (this.#waiting.length > 0 && !this.#failure && !this.#isHeld) {
        const messages = this.#waiting;
        this.#waiting = [];
        this.#replication?.resume();
        await this.#applyAll(messages);
      }
    } catch (error) {
      this.#fail(error as Error);
    }
    this.#isRunning = false;
  }

  /** One transaction on the target for all that came at once; marks count when it is committed. */
  async #applyAll(messages: readonly Message[]): Promise<void> {
    const marks: string[] = [];
    let endLsn = 0;
    await this.#staging.begin();
    for (const message of messages) {
      if (message.kind === 'logical' && message.prefix === markPrefix) marks.push(message.content.toString());
      else if (message.kind === 'commit') endLsn = message.endLsn;
      else await this.#note(message);
    }
    await this.#net.apply(this.#staging);
    await this.#staging.commit();
    if (endLsn > 0) this.#replication?.acknowledge(endLsn);
    for (const mark of marks) this.#marks.get(mark)?.resolve();
  }

  async #note(message: Message): Promise<void> {
    const net = this.#net;
    if (message.kind === 'truncate') throw misfit('a table was truncated meanwhile');
    if (message.kind !== 'insert' && message.kind !== 'update' && message.kind !== 'delete') return;
    this.changes++;
    const { relation } = message;
    if (message.kind === 'delete') return net.remove(relation, message.old);
    const old = message.kind === 'update' && message.old;
    if (old) await net.rekey(this.#staging, relation, { old, row: message.row });
    net.put(relation, message.row);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const mark of this.#marks.values()) mark.reject(this.#failure);
    this.#replication?.close();
  }
}
