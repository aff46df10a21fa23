import { randomBytes } from 'node:crypto';
import { Admin, Consumer, Producer, type BaseOptions } from '@platformatic/kafka';
import type { Coord } from '../coord/index.ts';
import type { Logger } from '../logger/index.ts';
import type { Metrics } from '../metrics/index.ts';
import { Backoff } from '../timing/index.ts';
import type { GroupClaim, LogEngine, PartitionWrite, TopicEngine } from './engine.ts';
import { encodeMessages } from './kafka-records.ts';
import { Supervised } from './kafka-supervised.ts';
import { KafkaTail } from './kafka-tail.ts';
import { ensureTopic } from './kafka-topics.ts';
import { flushRecordsMax } from './limits.ts';
import { openLog } from './log.ts';
import type { EventLog, LogRecord, Position, Topic } from './types.ts';

export interface KafkaAccess {
  /** `host:port` of some brokers; the others are found through them. */
  readonly brokers: readonly string[];
  /** Begin of the names of topics and groups; one for each installation. */
  readonly prefix: string;
  /** Copies of each topic; acknowledged is what is in all that are in step, and at least in two of three. */
  readonly replication: number;
  readonly sasl?: {
    mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
    username: string;
    password: string;
  };
  /** Certificates of the brokers' authority; empty for those that the system knows. */
  readonly tls?: { ca?: Buffer };
}

export interface KafkaLogOptions {
  readonly access: KafkaAccess;
  /** For the membership of groups. */
  readonly coord: Coord;
  /** Unique per process start. */
  readonly processId: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const connectMsMax = 2000;
/** A broker has this long to copy what it was given; the answer is not waited for much longer. */
const ackMsMax = 3000;
const answerMsMax = 4000;
/** Readers' positions of groups that are just being led elsewhere are asked for again for so long. */
const coordinatorMsMax = 3000;

/** The event log in Kafka. Errors of all that is asked: LOG_UNAVAILABLE, within the limits above. */
export function openKafkaLog(options: KafkaLogOptions): EventLog {
  const { coord, logger, metrics } = options;
  return openLog({ engine: new KafkaEngine(options), coord, logger, metrics });
}

class KafkaEngine implements LogEngine {
  readonly producer: string;
  /** What is repeated stands behind what it repeats, by about one flush. */
  readonly lookBackRecords = flushRecordsMax;
  readonly #options: KafkaLogOptions;
  readonly #base: BaseOptions;
  readonly #counters: Record<'producersRemade' | 'readersRemade' | 'standstills', number>;
  readonly #producer: Supervised<Producer>;
  readonly #admin: Supervised<Admin>;
  readonly #behind: Supervised<Consumer>;

  constructor(options: KafkaLogOptions) {
    this.#options = options;
    this.producer = `${options.processId}-${randomBytes(4).toString('hex')}`;
    this.#base = baseOptions(options);
    this.#counters = options.metrics.counters('eventlog', [
      'producersRemade',
      'readersRemade',
      'standstills',
    ]);
    this.#producer = new Supervised({
      make: () => new Producer({ ...this.#base, idempotent: false, acks: -1 }),
      answerMsMax,
      onDropped: () => void this.#counters.producersRemade++,
    });
    this.#admin = new Supervised({
      make: () => new Admin(this.#base),
      answerMsMax,
      onDropped: () => undefined,
    });
    this.#behind = this.#makeReader();
  }

  async openTopic(topic: Topic): Promise<TopicEngine> {
    const name = `${this.#options.access.prefix}${topic.name}`;
    const { access, logger } = this.#options;
    await ensureTopic(this.#admin, { name, topic, replication: access.replication, logger });
    return new KafkaTopic({
      name,
      topic,
      prefix: this.#options.access.prefix,
      producerId: this.producer,
      producer: this.#producer,
      admin: this.#admin,
      behind: this.#behind,
      live: this.#makeReader(),
      onStandstill: () => void this.#counters.standstills++,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of [this.#producer, this.#admin, this.#behind]) client[Symbol.dispose]();
  }

  #makeReader(): Supervised<Consumer> {
    return new Supervised({
      make: () => new Consumer({ ...this.#base, groupId: `${this.#options.access.prefix}readers` }),
      answerMsMax,
      onDropped: () => void this.#counters.readersRemade++,
    });
  }
}

/** Nothing is repeated by the client: what failed is repeated by us, on a client that is new. */
function baseOptions({ access, processId }: KafkaLogOptions): BaseOptions {
  return {
    clientId: `gala-${processId}`,
    bootstrapBrokers: [...access.brokers],
    retries: 0,
    connectTimeout: connectMsMax,
    timeout: ackMsMax,
    requestTimeout: answerMsMax,
    metadataMaxAge: 60_000,
    autocreateTopics: false,
    sasl: access.sasl,
    tls: access.tls,
    tlsServerName: access.tls ? true : undefined,
  };
}

interface KafkaTopicOptions {
  readonly name: string;
  readonly topic: Topic;
  readonly prefix: string;
  readonly producerId: string;
  readonly producer: Supervised<Producer>;
  readonly admin: Supervised<Admin>;
  readonly behind: Supervised<Consumer>;
  readonly live: Supervised<Consumer>;
  readonly onStandstill: () => void;
}

class KafkaTopic implements TopicEngine {
  readonly #options: KafkaTopicOptions;
  readonly #tail: KafkaTail;

  constructor(options: KafkaTopicOptions) {
    this.#options = options;
    const { name: topic, live, behind, onStandstill } = options;
    this.#tail = new KafkaTail({ topic, live, behind, onStandstill });
  }

  async write(writes: readonly PartitionWrite[]): Promise<void> {
    const { name, producer, producerId } = this.#options;
    const messages = encodeMessages(name, producerId, writes);
    await producer.ask((client) => client.send({ messages, acks: -1 }));
  }

  async end(): Promise<Position[]> {
    const offsets = await this.#listOffsets(latest);
    return offsets.map((offset, partition) => ({ partition, offset }));
  }

  async start(partition: number): Promise<number> {
    return (await this.#listOffsets(earliest))[partition];
  }

  read(position: Position, signal: AbortSignal): Promise<readonly LogRecord[]> {
    return this.#tail.read(position, signal);
  }

  headOf(partition: number): number | undefined {
    return this.#tail.headOf(partition);
  }

  /** Kafka keeps no fence of ours: a commit that comes late makes records come again, and none be passed over. */
  async claim({ group, partition }: GroupClaim): Promise<number> {
    const { name, prefix } = this.#options;
    const topics = [{ name, partitionIndexes: [partition] }];
    const groupId = `${prefix}${group}`;
    const groups = await this.#askCoordinator((admin) =>
      admin.listConsumerGroupOffsets({ groups: [{ groupId, topics }] }),
    );
    const committed = Number(groups[0]?.topics[0]?.partitions[0]?.committedOffset ?? -1n);
    const end = (await this.#listOffsets(latest))[partition];
    if (committed > end) return this.start(partition);
    return Math.max(0, committed);
  }

  async commit({ group, partition }: GroupClaim, { offset }: Position): Promise<boolean> {
    const { name, prefix } = this.#options;
    const topics = [{ name, partitionOffsets: [{ partition, offset: BigInt(offset) }] }];
    const groupId = `${prefix}${group}`;
    await this.#askCoordinator((admin) => admin.alterConsumerGroupOffsets({ groupId, topics }));
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tail[Symbol.dispose]();
    this.#options.live[Symbol.dispose]();
  }

  async #listOffsets(timestamp: bigint): Promise<number[]> {
    const { name, behind, topic } = this.#options;
    const offsets = await behind.ask(async (consumer) => {
      const found = await consumer.listOffsets({ topics: [name], timestamp });
      return found.get(name) ?? [];
    });
    return Array.from({ length: topic.partitions }, (_, partition) => Number(offsets[partition]));
  }

  /** The broker that keeps a group's positions may be another one in a moment. */
  async #askCoordinator<Answer>(work: (admin: Admin) => Promise<Answer>): Promise<Answer> {
    const endsAtMs = performance.now() + coordinatorMsMax;
    const backoff = new Backoff({ initialMs: 50, maxMs: 500 });
    for (;;) {
      try {
        return await this.#options.admin.ask(work);
      } catch (error) {
        if (performance.now() > endsAtMs) throw error;
        await backoff.wait();
      }
    }
  }
}

const latest = -1n;
const earliest = -2n;
