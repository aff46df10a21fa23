import type { LogRecord, Position, Topic } from './types.ts';

/** One record on its way. */
export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
}

/** What goes into one partition; the entries are numbered from `firstSequence` on. */
export interface PartitionWrite {
  readonly partition: number;
  readonly firstSequence: number;
  readonly entries: readonly Entry[];
}

/** A group's reader of a partition; the fence is that of its lease. */
export interface GroupClaim {
  readonly group: string;
  readonly partition: number;
  readonly fence: number;
}

/**
 * What an adapter does for one topic. Batching, retries, groups and de-duplication above it are the same for all.
 * Errors of all: LOG_UNAVAILABLE, or what the engine says.
 */
export interface TopicEngine extends AsyncDisposable {
  /** At most one at a time. The same writes come again after a failure, and may be in the log by then. */
  write(writes: readonly PartitionWrite[]): Promise<void>;
  end(): Promise<Position[]>;
  /** First offset that is still kept. */
  start(partition: number): Promise<number>;
  /**
   * Waits until there are records from the offset on; a part of them, in order. Errors: LOG_TRIMMED, also when the
   * position is beyond the end, or, where an engine can tell, when another record stands before it.
   */
  read(position: Position, signal: AbortSignal): Promise<readonly LogRecord[]>;
  /** End of the partition as last seen, for the lag; undefined before. */
  headOf(partition: number): number | undefined;
  /**
   * The offset from which the group goes on, its last commit unless that is beyond the end; from here on commits with
   * an older fence are refused.
   */
  claim(claim: GroupClaim): Promise<number>;
  /** False when the partition is another's by now, or, where an engine can tell, the log is not that of the position. */
  commit(claim: GroupClaim, position: Position): Promise<boolean>;
}

export interface LogEngine extends AsyncDisposable {
  /** Unique per process start; the producer of all that this process writes. */
  readonly producer: string;
  /**
   * Records before a position at which a reader begins that it looks at for what comes twice; 0 where nothing
   * is written twice.
   */
  readonly lookBackRecords: number;
  /** Makes the topic where it is missing. Errors: LOG_TOPIC_DIFFERS. */
  openTopic(topic: Topic): Promise<TopicEngine>;
}
