import type { Client } from 'pg';
import { CodedError } from '../error/index.ts';
import type { EventLog, Topic } from '../eventlog/types.ts';
import { movePrefix, type Database } from '../sql/index.ts';
import { changeBytesMax, encodeChange, namedRow, type Change } from './change.ts';
import { changeErrors } from './errors.ts';
import type { ChangeEvents } from './events.ts';
import type { Message, Relation, Row } from './pgoutput.ts';
import { Publisher } from './publisher.ts';
import { Replication } from './replication.ts';
import {
  dropSlot,
  ensurePublication,
  makeSlot,
  readSlot,
  slotName,
  type PublishedTable,
  type SlotState,
} from './slot.ts';

/** Tables whose changes go to one topic. */
export interface Feed {
  readonly topic: Topic;
  readonly tables: readonly PublishedTable[];
}

export interface SessionOptions {
  readonly database: Database;
  readonly log: EventLog;
  readonly feeds: readonly Feed[];
  readonly events: ChangeEvents;
  readonly fence: number;
  /** The lease is lost, or the process stops. */
  readonly signal: AbortSignal;
}

const controlTimeoutMs = 30_000;
const publication = 'gala_changes';

type DataMessage = Exclude<Message, { readonly kind: 'begin' | 'commit' | 'logical' | 'relation' | 'other' }>;

/** One connection's worth of the feed of a database: from the slot's position on until something fails. */
export class Session implements AsyncDisposable {
  readonly #options: SessionOptions;
  readonly #topics: ReadonlyMap<string, Topic>;
  readonly #control: Client;
  readonly #slot: string;
  readonly #publisher: Publisher;
  readonly #over = Promise.withResolvers<void>();
  #replication: Replication | undefined;
  #state: SlotState | undefined;
  #commitLsn = 0;
  #committedAtMs = 0;
  #index = 0;
  /** The rest of this transaction belongs to a move. */
  #isMove = false;

  private constructor(options: SessionOptions, control: Client, slot: string) {
    this.#options = options;
    this.#control = control;
    this.#slot = slot;
    this.#topics = new Map(
      options.feeds.flatMap(({ topic, tables }) => tables.map(({ name }) => [name, topic] as const)),
    );
    this.#publisher = new Publisher({
      log: options.log,
      onTaken: (endLsn) => this.#replication?.acknowledge(endLsn),
      onPressure: (isFull) => (isFull ? this.#replication?.pause() : this.#replication?.resume()),
      onFailure: (error) => this.#over.reject(error),
    });
    this.#over.promise.catch(() => undefined);
  }

  /**
   * Publication and slot are made when they are not there. Errors: those of the database with their SQLSTATE
   * (55006: another connection holds the slot), those of the log.
   */
  static async open(options: SessionOptions): Promise<Session> {
    const control = await options.database.openClient(controlTimeoutMs);
    const session = new Session(options, control, await slotName(control, 'changes'));
    try {
      await session.#prepare();
      await session.#stream();
      return session;
    } catch (error) {
      await session[Symbol.asyncDispose]();
      throw error;
    }
  }

  get slot(): string {
    return this.#slot;
  }

  get lastState(): SlotState | undefined {
    return this.#state;
  }

  /** When the oldest change was committed that is not yet in the log; 0 for none. */
  get oldestMs(): number {
    return this.#publisher.oldestMs;
  }

  /** Rejects when the session is over, which it always is at some time. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  async readState(): Promise<SlotState> {
    return (this.#state = await readSlot(this.#control, this.#slot));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#publisher.stop();
    this.#replication?.close();
    await this.#control.end().catch(() => undefined);
  }

  /**
   * A server that stops ends this idle connection at once, but waits for those that replicate until they have
   * taken everything: without the first the second would not be let go while the log is away.
   */
  async #prepare(): Promise<void> {
    const { feeds, signal } = this.#options;
    this.#control.once('end', () => this.#stop('the control connection ended'));
    signal.addEventListener('abort', () => this.#stop('the lease is lost'), { once: true });
    await ensurePublication(
      this.#control,
      publication,
      feeds.flatMap(({ tables }) => tables),
    );
    const { state } = await this.readState();
    if (state !== 'absent' && state !== 'lost') return;
    await dropSlot(this.#control, this.#slot);
    await makeSlot(this.#control, this.#slot, () => this.#tellGap());
    this.#options.events.gapTold(this.#options.database.name, state);
  }

  async #stream(): Promise<void> {
    this.#replication = await Replication.open({
      database: this.#options.database,
      slot: this.#slot,
      publication,
      values: 'typed',
      onMessage: (message) => this.#take(message),
      onEnd: (error) => this.#over.reject(error ?? stopped('closed')),
    });
    if (this.#options.signal.aborted) this.#stop('the lease is lost');
  }

  #stop(detail: string): void {
    this.#publisher.stop();
    this.#over.reject(stopped(detail));
    this.#replication?.close();
  }

  /** In every partition's lane, so that no consumer misses it, and durable before the new slot counts. */
  async #tellGap(): Promise<void> {
    const { log, feeds } = this.#options;
    // The time tells one gap from the next.
    const value = encodeChange({ ...this.#change('gap', '', {}), committedAtMs: Date.now() });
    const lanes = feeds.flatMap(({ topic }) => lanesOf(topic).map((key) => ({ topic, key })));
    await Promise.all(lanes.map(({ topic, key }) => log.append(topic, key, [value])));
  }

  #take(message: Message): void {
    switch (message.kind) {
      case 'begin':
        this.#commitLsn = message.commitLsn;
        this.#committedAtMs = message.committedAtMs;
        this.#index = 0;
        this.#isMove = false;
        return;
      case 'commit':
        this.#options.events.counters.transactions++;
        this.#publisher.commit(message.endLsn, this.#committedAtMs);
        return;
      case 'logical':
        if (message.prefix === movePrefix) this.#isMove = true;
        return;
      case 'insert':
      case 'update':
      case 'delete':
      case 'truncate':
        if (!this.#isMove) this.#publish(message);
        return;
      case 'relation':
      case 'other':
    }
  }

  #publish(message: DataMessage): void {
    if (message.kind === 'truncate') {
      for (const relation of message.relations) this.#publishTruncate(relation);
      return;
    }
    const { relation } = message;
    const topic = this.#topics.get(relation.name);
    if (!topic) return;
    const row = message.kind === 'delete' ? message.old : message.row;
    const value = this.#encode(message, row);
    this.#options.events.counters.published++;
    this.#publisher.add(topic, laneOf(topic, relation, row), value);
  }

  #encode(message: Exclude<DataMessage, { readonly kind: 'truncate' }>, row: Row): Buffer {
    const { kind, relation } = message;
    const change = this.#change(kind, relation.name, namedRow(relation, row, kind === 'delete'));
    const old = kind === 'update' && message.old;
    const keyed: Change = old ? { ...change, key: namedRow(relation, old, true) } : change;
    const value = encodeChange(keyed);
    if (value.length <= changeBytesMax) return value;
    this.#options.events.rowCut(this.#options.database.name, relation.name, value.length);
    return encodeChange({ ...keyed, row: namedRow(relation, row, true), isCut: true });
  }

  #publishTruncate(relation: Relation): void {
    const topic = this.#topics.get(relation.name);
    if (!topic) return;
    const value = encodeChange(this.#change('truncate', relation.name, {}));
    for (const key of lanesOf(topic)) this.#publisher.add(topic, key, value);
  }

  #change(kind: Change['kind'], table: string, row: Change['row']): Change {
    const { database, fence } = this.#options;
    const [lsn, committedAtMs, index] = [this.#commitLsn, this.#committedAtMs, this.#index++];
    return { kind, database: database.name, fence, lsn, index, committedAtMs, table, row };
  }
}

/** All rows of a logical shard take one lane, so their order holds; a lane for each partition is wide enough. */
function laneOf(topic: Topic, { columns }: Relation, row: Row): string {
  const at = columns.findIndex(({ name }) => name === 'shard');
  const shard = at === -1 ? 0 : Number(row[at]);
  return String(shard % topic.partitions);
}

/** Keys of the lanes of a topic. The log spreads keys as it likes, so there are more of them than partitions. */
function lanesOf(topic: Topic): string[] {
  return Array.from({ length: topic.partitions }, (_, lane) => String(lane));
}

function stopped(detail: string): CodedError {
  return new CodedError(changeErrors, 'CHANGES_STOPPED', { detail });
}
