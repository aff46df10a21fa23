import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';

const counterNames = [
  'partitionsTaken',
  'partitionsHandedOver',
  'partitionsLost',
  'partitionsRefused',
  'roomsOpened',
  'roomsClosed',
  'roomsRefused',
  'roomsEnded',
  'submissions',
  'submissionsRefused',
  'submissionsRepeated',
  'published',
  'publishedAgain',
  'said',
  'batches',
  'batchBytes',
  'ticks',
  'ticksLate',
  'tickYields',
  'ringEvictions',
  'deliveries',
  'deliveriesFailed',
  'deliveriesShed',
  'nodesLost',
  'peersDelivered',
  'peersShed',
  'repairs',
  'repairsIncomplete',
  'durableSaid',
  'durableRefused',
  'durableLate',
  'durableFollowed',
  'durableStale',
  'durableForgotten',
  'checkpoints',
  'checkpointsFailed',
] as const;

export type InteractionCounters = Record<(typeof counterNames)[number], number>;

/** What happens where rooms are owned: a structured line and a counter each. */
export class InteractionEvents {
  readonly counters: InteractionCounters;
  readonly #log: Logger;
  #isUndurable = false;

  constructor({ logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics }) {
    this.#log = logger.child({ role: 'interaction' });
    this.counters = metrics.counters('interaction', counterNames);
  }

  partitionTaken(partition: number, fence: number): void {
    this.counters.partitionsTaken++;
    this.#log.info({ partition, fence }, 'rooms of a partition are owned here');
  }

  partitionHandedOver(partition: number, reason: string): void {
    this.counters.partitionsHandedOver++;
    this.#log.info({ partition, reason }, 'partition given back');
  }

  partitionLost(partition: number, fence: number): void {
    this.counters.partitionsLost++;
    this.#log.warn({ partition, fence }, 'lease of a partition lost, its rooms fall silent here');
  }

  roomOpened(roomId: number, epoch: number): void {
    this.counters.roomsOpened++;
    this.#log.debug({ roomId, epoch }, 'room opened');
  }

  roomClosed(roomId: number, reason: string): void {
    this.counters.roomsClosed++;
    this.#log.debug({ roomId, reason }, 'room closed');
  }

  /** There are as many as may be. */
  roomRefused(roomId: number): void {
    this.counters.roomsRefused++;
    this.#log.warn({ roomId }, 'room refused, there are too many');
  }

  roomEnded(roomId: number): void {
    this.counters.roomsEnded++;
    this.#log.info({ roomId }, 'room has ended, its viewers are told');
  }

  nodeLost(node: string, rooms: number): void {
    this.counters.nodesLost++;
    this.#log.info({ node, rooms }, 'signal node is gone');
  }

  /** One line for each outage of a node. */
  deliveryFailed(node: string, error: unknown, isFirst: boolean): void {
    this.counters.deliveriesFailed++;
    if (isFirst) this.#log.warn({ node, error }, 'signal node does not take what rooms say');
  }

  /** One line for each outage; every refusal is counted. */
  durableRefused(signals: number, error: unknown): void {
    this.counters.durableRefused += signals;
    if (!this.#isUndurable)
      this.#log.warn({ error }, 'control and money are refused, the log does not answer');
    this.#isUndurable = true;
  }

  durableKept(signals: number): void {
    this.counters.durableSaid += signals;
    if (this.#isUndurable) this.#log.info('control and money are kept again');
    this.#isUndurable = false;
  }

  /** Reading the log failed, or began anew. */
  tailFailed(error: unknown): void {
    this.#log.warn({ error }, 'the log of control and money cannot be followed, trying again');
  }

  checkpointFailed(error: unknown): void {
    this.counters.checkpointsFailed++;
    this.#log.debug({ error }, 'position in the log not noted');
  }
}
