import type { Coord } from '../coord/index.ts';
import { CodedError, hasCode, invariant } from '../error/index.ts';
import { Backoff } from '../timing/index.ts';
import type { Logger } from '../logger/index.ts';
import type { Metrics } from '../metrics/index.ts';
import { AppendLane, Underway } from './append-lane.ts';
import { BatchChannel } from './batch-channel.ts';
import type { LogEngine, TopicEngine } from './engine.ts';
import { eventLogErrors } from './errors.ts';
import { LogEvents } from './events.ts';
import { GroupMember } from './group-member.ts';
import { assertTopic, consumersMax, measure, partitionOf, topicsMax } from './limits.ts';
import { PartitionReader } from './partition-reader.ts';
import type { Batch, EventLog, LogRecord, Position, Topic } from './types.ts';

export interface LogOptions {
  readonly engine: LogEngine;
  readonly coord: Coord;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The log over any engine: what differs among them is behind `LogEngine`. */
export function openLog(options: LogOptions): EventLog {
  return new Log(options);
}

interface OpenTopic {
  readonly topic: Topic;
  readonly lane: AppendLane;
  engine: Promise<TopicEngine> | undefined;
}

class Log implements EventLog {
  readonly #options: LogOptions;
  readonly #events: LogEvents;
  readonly #underway = new Underway();
  readonly #topics = new Map<string, OpenTopic>();
  readonly #members = new Set<GroupMember & { readonly labels: Record<string, string> }>();
  readonly #closing = new AbortController();
  #consumers = 0;
  #serial = 0;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#events = new LogEvents(options.logger, options.metrics);
    this.#showState(options.metrics);
  }

  async append(topic: Topic, key: string, values: readonly Uint8Array[]): Promise<void> {
    if (values.length === 0) return;
    const { counters } = this.#events;
    try {
      const bytes = measure(key, values);
      const { lane } = this.#open(topic);
      await lane.append({ partition: partitionOf(topic, key), key, values, bytes });
      this.#events.appended(values.length, bytes);
    } catch (error) {
      if (hasCode(error, 'LOG_FULL', 'LOG_TOO_LARGE')) counters.appendsRefused++;
      throw error;
    }
  }

  async end(topic: Topic): Promise<Position[]> {
    try {
      const engine = await this.#engineOf(this.#open(topic));
      return await engine.end();
    } catch (cause) {
      throw toUnavailable(cause);
    }
  }

  async *consume(topic: Topic, group: string, signal: AbortSignal): AsyncGenerator<Batch> {
    const { coord, engine, logger } = this.#options;
    const open = this.#open(topic);
    using _place = this.#takePlace();
    const member = new GroupMember({
      topic,
      group,
      memberId: `${engine.producer}/${++this.#serial}`,
      coord,
      openEngine: () => this.#engineOf(open),
      lookBackRecords: engine.lookBackRecords,
      events: this.#events,
      logger,
    });
    const shown = Object.assign(member, { labels: { topic: topic.name, group } });
    this.#members.add(shown);
    try {
      yield* member.batches(AbortSignal.any([signal, this.#closing.signal]));
    } finally {
      await member[Symbol.asyncDispose]();
      this.#members.delete(shown);
    }
  }

  async *follow(topic: Topic, from: readonly Position[], signal: AbortSignal): AsyncGenerator<Batch> {
    const open = this.#open(topic);
    using _place = this.#takePlace();
    const ended = new AbortController();
    const all = AbortSignal.any([signal, this.#closing.signal, ended.signal]);
    const channel = new BatchChannel();
    const failed = Promise.withResolvers<never>();
    const readers = from.map((position) =>
      this.#read({ open, position, channel, signal: all }).catch(failed.reject),
    );
    failed.promise.catch(() => ended.abort());
    try {
      yield* channel.take(all);
      if (!signal.aborted && !this.#closing.signal.aborted) await failed.promise;
    } finally {
      ended.abort();
      await Promise.all(readers);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    const topics = [...this.#topics.values()];
    await Promise.all(topics.map(({ lane }) => lane[Symbol.asyncDispose]()));
    await Promise.all([...this.#members].map((member) => member[Symbol.asyncDispose]()));
    for (const { engine } of topics) {
      const opened = await engine?.catch(() => undefined);
      await opened?.[Symbol.asyncDispose]();
    }
    await this.#options.engine[Symbol.asyncDispose]();
  }

  async #read(follow: {
    open: OpenTopic;
    position: Position;
    channel: BatchChannel;
    signal: AbortSignal;
  }): Promise<void> {
    const { open, position, channel, signal } = follow;
    const { partition } = position;
    const engine = await this.#insist(open, signal);
    if (!engine) return;
    const deliver = async (records: readonly LogRecord[]): Promise<void> => {
      await channel.offer({ partition, records, commit: async () => undefined }, signal);
    };
    const { lookBackRecords } = this.#options.engine;
    const reader = new PartitionReader({
      engine,
      from: position,
      lookBackRecords,
      events: this.#events,
      deliver,
    });
    await reader.run(signal);
  }

  /** Followers wait for an engine that is away, as they do later. */
  async #insist(open: OpenTopic, signal: AbortSignal): Promise<TopicEngine | undefined> {
    const backoff = new Backoff({ initialMs: 100, maxMs: 1000 });
    while (!signal.aborted) {
      try {
        return await this.#engineOf(open);
      } catch (error) {
        if (hasCode(error, 'LOG_TOPIC_DIFFERS')) throw error;
        this.#events.failed(error);
        await backoff.wait(signal).catch(() => undefined);
      }
    }
    return undefined;
  }

  #open(topic: Topic): OpenTopic {
    if (this.#closing.signal.aborted) throw new CodedError(eventLogErrors, 'LOG_CLOSED');
    const known = this.#topics.get(topic.name);
    if (known) {
      invariant(known.topic.partitions === topic.partitions, `${topic.name} is defined once`);
      return known;
    }
    assertTopic(topic);
    if (this.#topics.size >= topicsMax)
      throw new CodedError(eventLogErrors, 'LOG_LIMIT', { detail: 'topics' });
    const lane = new AppendLane({
      write: async (writes) => (await this.#engineOf(opened)).write(writes),
      underway: this.#underway,
      events: this.#events,
    });
    const opened: OpenTopic = { topic, lane, engine: undefined };
    this.#topics.set(topic.name, opened);
    return opened;
  }

  /** Opened once; a failure is not kept. */
  #engineOf(open: OpenTopic): Promise<TopicEngine> {
    open.engine ??= this.#options.engine.openTopic(open.topic).catch((error: unknown) => {
      open.engine = undefined;
      throw error;
    });
    return open.engine;
  }

  #takePlace(): Disposable {
    if (this.#consumers >= consumersMax) {
      throw new CodedError(eventLogErrors, 'LOG_LIMIT', { detail: 'consumers' });
    }
    this.#consumers++;
    return { [Symbol.dispose]: () => void this.#consumers-- };
  }

  #showState(metrics: Metrics): void {
    const underway = this.#underway;
    metrics.gauge('gala_eventlog_underway_bytes', 'waiting and under way to the log', () => underway.bytes);
    metrics.gauges({
      name: 'gala_eventlog_lag_records',
      help: 'records that a group has not committed, of the partitions that this process reads',
      labelNames: ['topic', 'group'],
      read: () => [...this.#members].map(({ labels, lag }) => ({ labels, value: lag })),
    });
  }
}

function toUnavailable(cause: unknown): unknown {
  const isOurs = hasCode(cause, 'LOG_CLOSED', 'LOG_TOPIC_DIFFERS', 'LOG_LIMIT', 'LOG_UNAVAILABLE');
  return isOurs ? cause : new CodedError(eventLogErrors, 'LOG_UNAVAILABLE', { cause });
}
