/** A named stream of records, split by key into a fixed number of partitions; order holds within one. */
export interface Topic {
  /** `a-z0-9.-`, at most 64 characters. */
  readonly name: string;
  readonly partitions: number;
  readonly retentionMs: number;
}

export interface LogRecord {
  readonly partition: number;
  /** Grows by at least one with each record of a partition. */
  readonly offset: number;
  readonly key: string;
  readonly value: Buffer;
  readonly writtenAtMs: number;
  /** Who wrote it, and as its how manieth: what is written again after a failure has the same pair. */
  readonly producer: string;
  readonly sequence: number;
}

/** Records of one partition in order. */
export interface Batch {
  readonly partition: number;
  readonly records: readonly LogRecord[];
  /**
   * The group has done with these and all before them; for `follow` it does nothing. Errors: LOG_NOT_OWNER,
   * LOG_UNAVAILABLE; they come again, to this member or another.
   */
  commit(): Promise<void>;
}

/** Which write a record comes from; a log that was set back and written on has another one at the same offset. */
export type Origin = Pick<LogRecord, 'producer' | 'sequence' | 'writtenAtMs'>;

/** The offset that is to be read next. */
export interface Position {
  readonly partition: number;
  readonly offset: number;
  /** Of the record before it, where that is known: by this a reader is told when the log is not the same any more. */
  readonly after?: Origin;
}

/**
 * Ordered, durable, replayable (data.md, "Event log"). Delivery is at least once: after a failure, records come
 * again from the last commit on; within one consumer what `(producer, sequence)` shows twice is dropped and counted.
 */
export interface EventLog extends AsyncDisposable {
  /**
   * Resolves when all `values` are durable, in order, in the partition of `key`. One call is one batch; what was
   * not acknowledged may be in the log all the same. Errors: LOG_UNAVAILABLE, LOG_FULL (too much under way), LOG_TOO_LARGE.
   */
  append(topic: Topic, key: string, values: readonly Uint8Array[]): Promise<void>;
  /** What the partitions' next records will have as offset: a snapshot taken after this may be followed from here. */
  end(topic: Topic): Promise<Position[]>;
  /** A member of a group: each partition is read by one member, from the group's last commit on, first from the start. */
  consume(topic: Topic, group: string, signal: AbortSignal): AsyncIterable<Batch>;
  /**
   * All partitions, from these positions on, without a group: what replicas follow. Errors: LOG_TRIMMED, when what
   * follows a position is not kept, or the log was set back to an older state than the position's.
   */
  follow(topic: Topic, from: readonly Position[], signal: AbortSignal): AsyncIterable<Batch>;
}
