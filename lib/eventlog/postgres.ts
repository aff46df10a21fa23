import { randomBytes } from 'node:crypto';
import type { Coord } from '../coord/index.ts';
import { Ticker } from '../timing/index.ts';
import type { Logger } from '../logger/index.ts';
import type { Metrics } from '../metrics/index.ts';
import type { Database } from '../sql/index.ts';
import type { GroupClaim, LogEngine, PartitionWrite, TopicEngine } from './engine.ts';
import { segmentMsOf } from './limits.ts';
import { openLog } from './log.ts';
import { Hints } from './postgres-hints.ts';
import { ensureTopic, maintain } from './postgres-segments.ts';
import * as statements from './postgres-statements.ts';
import { PostgresTail } from './postgres-tail.ts';
import type { EventLog, LogRecord, Position, Topic } from './types.ts';

export interface PostgresLogOptions {
  /** The core database, migrated with `eventlogMigrations`. */
  readonly database: Database;
  readonly coord: Coord;
  /** Unique per process start. */
  readonly processId: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const maintainEveryMsMax = 60_000;

/**
 * The event log in the core database. Until it is used it does nothing, and without readers it polls nothing: it
 * takes connections of the pool, and one beside them from the first reader on.
 */
export function openPostgresLog(options: PostgresLogOptions): EventLog {
  const { coord, logger, metrics } = options;
  return openLog({ engine: new PostgresEngine(options), coord, logger, metrics });
}

class PostgresEngine implements LogEngine {
  readonly producer: string;
  /** Appends that come again are dropped by the database. */
  readonly lookBackRecords = 0;
  readonly #options: PostgresLogOptions;
  readonly #hints: Hints;
  readonly #tails = new Map<number, PostgresTail>();

  constructor(options: PostgresLogOptions) {
    this.#options = options;
    this.producer = `${options.processId}-${randomBytes(4).toString('hex')}`;
    const { database, metrics } = options;
    this.#hints = new Hints({
      database,
      metrics,
      onHint: (topic) => this.#tails.get(topic)?.hint(),
      onLost: () => this.#tails.forEach((tail) => tail.doubt()),
    });
  }

  async openTopic(topic: Topic): Promise<TopicEngine> {
    const { database, logger } = this.#options;
    const id = await ensureTopic(database.pool, topic);
    const tail = new PostgresTail({
      readPartitions: () => statements.readPartitions(database.pool, id),
      readRecords: (positions) => statements.readRecords(database, id, positions),
      idleMs: () => this.#hints.idleMs(),
    });
    this.#tails.set(id, tail);
    return new PostgresTopic({
      topic,
      id,
      database,
      producer: this.producer,
      tail,
      hints: this.#hints,
      logger,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hints[Symbol.asyncDispose]();
  }
}

interface PostgresTopicOptions {
  readonly topic: Topic;
  readonly id: number;
  readonly database: Database;
  readonly producer: string;
  readonly tail: PostgresTail;
  readonly hints: Hints;
  readonly logger: Logger;
}

class PostgresTopic implements TopicEngine {
  readonly #options: PostgresTopicOptions;
  readonly #maintenance: Ticker;

  constructor(options: PostgresTopicOptions) {
    this.#options = options;
    this.#maintenance = new Ticker({
      name: `event log ${options.topic.name}`,
      intervalMs: Math.min(maintainEveryMsMax, segmentMsOf(options.topic) / 2),
      run: () => this.#maintain(),
      logger: options.logger,
      unref: true,
    });
  }

  async write(writes: readonly PartitionWrite[]): Promise<void> {
    const { id, producer, tail, hints } = this.#options;
    try {
      await statements.append(this.#pool, id, { producer, writes });
    } catch (error) {
      // No segment for this time: the process slept, or the clock was set.
      if ((error as { code?: string }).code === '23514') await this.#maintain();
      throw error;
    }
    tail.hint();
    hints.send(id);
  }

  async end(): Promise<Position[]> {
    const states = await statements.readPartitions(this.#pool, this.#options.id);
    const ends = states.map(({ partition, head }) => ({ partition, offset: head }));
    return statements.readBefore(this.#options.database, this.#options.id, ends);
  }

  async start(partition: number): Promise<number> {
    const states = await statements.readPartitions(this.#pool, this.#options.id);
    return states[partition].start;
  }

  read(position: Position, signal: AbortSignal): Promise<readonly LogRecord[]> {
    this.#options.hints.listen();
    return this.#options.tail.read(position, signal);
  }

  headOf(partition: number): number | undefined {
    return this.#options.tail.headOf(partition);
  }

  claim(claim: GroupClaim): Promise<number> {
    return statements.claim(this.#pool, this.#options.id, claim);
  }

  commit(claim: GroupClaim, position: Position): Promise<boolean> {
    return statements.commit(this.#pool, this.#options.id, { ...claim, ...position });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#options.tail[Symbol.dispose]();
    await this.#maintenance[Symbol.asyncDispose]();
  }

  get #pool() {
    return this.#options.database.pool;
  }

  #maintain(): Promise<void> {
    return maintain(this.#pool, this.#options.id, this.#options.topic);
  }
}
