import { EventEmitter, once } from 'node:events';
import { CodedError } from '../error/index.ts';
import type { Batch, EventLog, LogRecord, Position, Topic } from '../eventlog/types.ts';
import { decodeChange, type Change } from './change.ts';

const away = { LOG_UNAVAILABLE: { http: 503, grpc: 14, message: 'the log is away' } } as const;

/** A log in memory whose engine a test can take away. */
export class TestLog implements EventLog {
  readonly records: LogRecord[] = [];
  readonly #ends = new Map<number, number>();
  readonly #grown = new EventEmitter();
  isAway = false;
  /** Appends that wait for the gate. */
  waiting = 0;
  /** While set, appends wait for it. */
  gate: Promise<void> | undefined;

  get changes(): Change[] {
    return this.records.map(({ value }) => decodeChange(value));
  }

  async append(topic: Topic, key: string, values: readonly Uint8Array[]): Promise<void> {
    this.waiting++;
    await this.gate;
    this.waiting--;
    if (this.isAway) throw new CodedError(away, 'LOG_UNAVAILABLE');
    const partition = Number(key) % topic.partitions;
    for (const value of values) {
      const offset = this.#end(partition);
      const record = {
        partition,
        offset,
        key,
        value: Buffer.from(value),
        producer: 'test',
        sequence: offset,
      };
      this.records.push({ ...record, writtenAtMs: Date.now() });
      this.#ends.set(partition, offset + 1);
    }
    this.#grown.emit('grown');
  }

  end({ partitions }: Topic): Promise<Position[]> {
    const positions = Array.from({ length: partitions }, (_, partition) => ({
      partition,
      offset: this.#end(partition),
    }));
    return Promise.resolve(positions);
  }

  consume(): AsyncIterable<Batch> {
    throw new Error('replicas follow');
  }

  async *follow(_topic: Topic, from: readonly Position[], signal: AbortSignal): AsyncGenerator<Batch> {
    const next = new Map(from.map(({ partition, offset }) => [partition, offset]));
    let at = 0;
    while (!signal.aborted) {
      for (; at < this.records.length; at++) {
        const record = this.records[at];
        if (record.offset < (next.get(record.partition) ?? 0)) continue;
        yield { partition: record.partition, records: [record], commit: () => Promise.resolve() };
      }
      await once(this.#grown, 'grown', { signal }).catch(() => undefined);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#grown.emit('grown');
  }

  #end(partition: number): number {
    return this.#ends.get(partition) ?? 0;
  }
}
