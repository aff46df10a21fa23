import type { ClusterTopicMetadata, Consumer } from '@platformatic/kafka';
import { CodedError } from '../error/index.ts';
import { eventLogErrors } from './errors.ts';
import { decodeFetched, type Fetched, type FetchResponse } from './kafka-records.ts';
import type { Supervised } from './kafka-supervised.ts';
import { batchBytesMax } from './limits.ts';
import { RecentRecords } from './recent-records.ts';
import { Slots } from './slots.ts';
import type { LogRecord, Position } from './types.ts';
import { Waiters } from './waiters.ts';

export interface KafkaTailOptions {
  /** Name in Kafka. */
  readonly topic: string;
  /** For the long waits of those who are at the end; one request to each broker at a time. */
  readonly live: Supervised<Consumer>;
  /** For those who are behind. */
  readonly behind: Supervised<Consumer>;
  /** The client shows no records where there are some: it was made anew. */
  readonly onStandstill: () => void;
}

/** How long a broker keeps a request when nothing comes. */
const waitMsMax = 250;
const fetchBytesMax = 8 * batchBytesMax;
/** Answers without records after which the ends are asked for in another way. */
const silentAnswersMax = 20;
const offsetOutOfRange = 1;

/** A partition as the live reading has it. */
interface Edge {
  /** The offset that is read next. */
  offset: number;
  head: number | undefined;
  /** Bytes that were read since somebody last asked. */
  bytesAhead: number;
  readonly recent: RecentRecords;
  /** Readers that have not ended. */
  readonly signals: Set<AbortSignal>;
}

/**
 * The newest records of a topic, fetched once for all readers of this process: one long-waiting request to each
 * broker that leads partitions which are read.
 */
export class KafkaTail implements Disposable {
  readonly #options: KafkaTailOptions;
  readonly #edges = new Map<number, Edge>();
  readonly #waiters = new Waiters();
  /** Brokers with a request under way. */
  readonly #fetching = new Set<number>();
  /** Requests of one client to one broker are a session, in order. */
  readonly #catchingUp = new Slots(1);
  #starting = false;
  #silentAnswers = 0;
  #closed = false;

  constructor(options: KafkaTailOptions) {
    this.#options = options;
  }

  headOf(partition: number): number | undefined {
    return this.#edges.get(partition)?.head;
  }

  /** See `TopicEngine.read`. */
  async read(position: Position, signal: AbortSignal): Promise<readonly LogRecord[]> {
    const edge = this.#edgeOf(position, signal);
    while (!signal.aborted) {
      if (this.#closed) throw new CodedError(eventLogErrors, 'LOG_CLOSED');
      const kept = edge.recent.from(position);
      edge.bytesAhead = 0;
      if (kept.length > 0) return kept;
      if (position.offset < edge.offset) {
        const records = await this.#catchingUp.run(() => this.#catchUp(position));
        if (records.length > 0) return records;
      }
      const waiting = this.#waiters.wait(position, signal);
      this.#start();
      await waiting;
    }
    return [];
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    for (const waiter of this.#waiters) waiter.wake();
  }

  #edgeOf({ partition, offset }: Position, signal: AbortSignal): Edge {
    const edge = this.#edges.get(partition) ?? {
      offset,
      head: undefined,
      bytesAhead: 0,
      recent: new RecentRecords(),
      signals: new Set(),
    };
    this.#edges.set(partition, edge);
    // The foremost reader is at the end, or on the way there.
    if (offset > edge.offset || edge.signals.size === 0) {
      if (offset !== edge.offset) edge.recent.clear();
      edge.offset = offset;
    }
    if (!edge.signals.has(signal)) {
      edge.signals.add(signal);
      signal.addEventListener('abort', () => edge.signals.delete(signal), { once: true });
    }
    return edge;
  }

  /** Records that are there already, at once. */
  async #catchUp(position: Position): Promise<readonly LogRecord[]> {
    const { behind, topic } = this.#options;
    return behind.ask(async (consumer) => {
      const metadata = await readTopic(consumer, topic);
      const node = metadata.partitions[position.partition].leader;
      const response = await fetch(consumer, {
        node,
        topicId: metadata.id,
        positions: [position],
        waitMs: 0,
      });
      assertKept(response, position);
      return decodeFetched(response, [position])[0]?.records ?? [];
    });
  }

  /** Sees to it that every broker that leads what is read is asked. */
  #start(): void {
    if (this.#starting || this.#closed) return;
    this.#starting = true;
    const { live, topic } = this.#options;
    live
      .ask((consumer) => readTopic(consumer, topic))
      .then(
        ({ partitions }) => {
          const leaders = new Set(this.#wanted().map(({ partition }) => partitions[partition]?.leader ?? -1));
          for (const node of leaders) if (!this.#fetching.has(node)) void this.#follow(node);
        },
        (error: unknown) => this.#failAll(error),
      )
      .finally(() => (this.#starting = false));
  }

  /** One request after the other to this broker, while it leads something that is read. */
  async #follow(node: number): Promise<void> {
    this.#fetching.add(node);
    try {
      while (!this.#closed && (await this.#fetchFrom(node)));
    } catch (error) {
      this.#failAll(error);
    } finally {
      this.#fetching.delete(node);
    }
  }

  async #fetchFrom(node: number): Promise<boolean> {
    const { live, topic } = this.#options;
    return live.ask(async (consumer) => {
      const { id: topicId, partitions } = await readTopic(consumer, topic);
      const positions = this.#wanted().filter(({ partition }) => partitions[partition]?.leader === node);
      if (positions.length === 0) return false;
      const response = await fetch(consumer, { node, topicId, positions, waitMs: waitMsMax });
      this.#failTrimmed(response);
      const fetched = decodeFetched(response, positions);
      for (const each of fetched) this.#take(each);
      await this.#lookForStandstill(consumer, fetched);
      return true;
    });
  }

  /** Where the live reading goes on, but not too far ahead of all who read. */
  #wanted(): Position[] {
    return [...this.#edges]
      .filter(([, { signals, bytesAhead }]) => signals.size > 0 && bytesAhead < batchBytesMax)
      .map(([partition, { offset }]) => ({ partition, offset }));
  }

  #take({ partition, head, start, records }: Fetched): void {
    const edge = this.#edges.get(partition);
    if (!edge) return;
    edge.head = head;
    // What the log has dropped is dropped here, so that all readers are told the same.
    if ((edge.recent.start ?? Infinity) < start) edge.recent.clear();
    // A reader that was ahead has moved the edge meanwhile.
    if (records.length > 0 && records[0].offset >= edge.offset) {
      edge.recent.add(records);
      edge.offset = records.at(-1)!.offset + 1;
      for (const { value } of records) edge.bytesAhead += value.length;
    }
    for (const waiter of this.#waiters)
      if (waiter.partition === partition && waiter.offset < edge.offset) waiter.wake();
  }

  /** A client that shows nothing although there is something is given up. */
  async #lookForStandstill(consumer: Consumer, fetched: readonly Fetched[]): Promise<void> {
    const isSilent = fetched.every(({ records }) => records.length === 0);
    this.#silentAnswers = isSilent ? this.#silentAnswers + 1 : 0;
    if (this.#silentAnswers < silentAnswersMax) return;
    this.#silentAnswers = 0;
    const { topic, onStandstill } = this.#options;
    const before = this.#wanted();
    const ends = (await consumer.listOffsets({ topics: [topic] })).get(topic) ?? [];
    const standing = before.some(
      ({ partition, offset }) =>
        offset < Number(ends[partition]) && this.#edges.get(partition)?.offset === offset,
    );
    if (!standing) return;
    onStandstill();
    throw new Error('the client stands still before the end of the log');
  }

  #failTrimmed(response: FetchResponse): void {
    for (const waiter of this.#waiters) {
      const { partition, offset } = waiter;
      if (!isOutOfRange(response, partition)) continue;
      const edge = this.#edges.get(partition);
      if (edge?.offset === offset) edge.signals.clear();
      waiter.fail(trimmed({ partition, offset }));
    }
  }

  #failAll(error: unknown): void {
    for (const waiter of this.#waiters) waiter.fail(error);
  }
}

async function readTopic(consumer: Consumer, topic: string): Promise<ClusterTopicMetadata> {
  consumer.topics.track(topic);
  const metadata = await consumer.metadata({ topics: [topic] });
  const found = metadata.topics.get(topic);
  if (!found) throw new Error(`topic ${topic} is not there`);
  return found;
}

interface FetchFrom {
  readonly node: number;
  readonly topicId: string;
  readonly positions: readonly Position[];
  readonly waitMs: number;
}

/** An answer of which only some partitions are refused is an answer. */
async function fetch(
  consumer: Consumer,
  { node, topicId, positions, waitMs }: FetchFrom,
): Promise<FetchResponse> {
  const partitions = positions.map(({ partition, offset }) => ({
    partition,
    currentLeaderEpoch: -1,
    fetchOffset: BigInt(offset),
    lastFetchedEpoch: -1,
    partitionMaxBytes: batchBytesMax,
  }));
  try {
    return await consumer.fetch({
      node,
      maxWaitTime: waitMs,
      minBytes: 1,
      maxBytes: fetchBytesMax,
      topics: [{ topicId, partitions }],
    });
  } catch (error) {
    const { response } = error as { response?: FetchResponse };
    if (response && positions.some(({ partition }) => isOutOfRange(response, partition))) return response;
    throw error;
  }
}

function isOutOfRange(response: FetchResponse, partition: number): boolean {
  return response.responses.some(({ partitions }) =>
    partitions.some(
      ({ partitionIndex, errorCode }) => partitionIndex === partition && errorCode === offsetOutOfRange,
    ),
  );
}

/** Errors: LOG_TRIMMED. */
function assertKept(response: FetchResponse, position: Position): void {
  if (isOutOfRange(response, position.partition)) throw trimmed(position);
}

function trimmed({ partition, offset }: Position): CodedError {
  const detail = `partition ${partition} does not have ${offset}`;
  return new CodedError(eventLogErrors, 'LOG_TRIMMED', { detail });
}
