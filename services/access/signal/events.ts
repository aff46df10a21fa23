import type { Logger } from '@gala/lib/logger';
import type { Histogram, Metrics } from '@gala/lib/metrics';

export type SignalCounters = ReturnType<typeof signalCounters>;

const signalCounters = (metrics: Metrics) =>
  metrics.counters('signal', [
    'joins',
    'joinsLimited',
    'joinsRefused',
    'hellosRefused',
    'leaves',
    'messagesIn',
    'messagesRefused',
    'messagesMalformed',
    'submissions',
    'submissionsRefused',
    'submitCalls',
    'submitCallsFailed',
    'batchesIn',
    'batchesDuplicate',
    'batchesStale',
    'batchesHeld',
    'framesMade',
    'writes',
    'bytesOut',
    'batchesDropped',
    'catchUps',
    'tiersLowered',
    'tiersRaised',
    'evictedSlow',
    'evictedSilent',
    'kicked',
    'moved',
    'peersDelivered',
    'resumesComplete',
    'resumesIncomplete',
    'roomsOpened',
    'roomsOpenFailed',
    'roomsLost',
    'roomsClosed',
    'gapsRepaired',
    'gapsLost',
    'presenceReports',
    'presenceReportsFailed',
    'pulls',
    'slotReads',
    'readsRefused',
    'ringEvictions',
    'keysFailed',
    'drains',
  ]);

/** One function per business event: a structured line and a counter. What single clients do is counted only. */
export class SignalEvents {
  readonly counters: SignalCounters;
  /** From a hello to the welcome. */
  readonly welcomeSeconds: Histogram;
  readonly #logger: Logger;
  #failing = new Set<string>();

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.counters = signalCounters(metrics);
    this.welcomeSeconds = metrics.histogram('gala_signal_welcome_seconds', 'from a hello to its welcome');
  }

  roomOpened(roomId: number, owner: string, epoch: number): void {
    this.counters.roomsOpened++;
    this.#logger.debug({ roomId, owner, epoch }, 'room opened');
  }

  /** Told once for each way of failing until one succeeds. */
  roomOpenFailed(roomId: number, error: unknown): void {
    this.counters.roomsOpenFailed++;
    this.#failOnce('open', { roomId, error }, 'the owner of a room could not be asked for it');
  }

  roomLost(roomId: number, owner: string, reason: string): void {
    this.counters.roomsLost++;
    this.#logger.debug({ roomId, owner, reason }, 'room lost its owner');
  }

  gapLost(roomId: number, after: number, epoch: number): void {
    this.counters.gapsLost++;
    this.#logger.info({ roomId, after, epoch }, 'what a room said could not be repaired');
  }

  submitFailed(owner: string, error: unknown): void {
    this.counters.submitCallsFailed++;
    this.#failOnce('submit', { owner, error }, 'what clients say does not reach its owner');
  }

  presenceFailed(owner: string, error: unknown): void {
    this.counters.presenceReportsFailed++;
    this.#failOnce('presence', { owner, error }, 'reports of presence fail');
  }

  keysFailed(error: unknown): void {
    this.counters.keysFailed++;
    this.#failOnce('keys', { error }, 'the keys of tickets could not be asked for');
  }

  /** Calls of this kind are answered again. */
  answered(kind: 'open' | 'submit' | 'presence' | 'keys'): void {
    if (this.#failing.size > 0 && this.#failing.delete(kind)) {
      this.#logger.info({ calls: kind }, 'calls are answered again');
    }
  }

  kicked(roomId: number, userId: number, code: string): void {
    this.counters.kicked++;
    this.#logger.info({ roomId, userId, code }, 'client removed from a room');
  }

  drainBegun(connections: number, urls: readonly string[]): void {
    this.counters.drains++;
    this.#logger.info({ connections, nodes: urls.length }, 'draining, clients are sent to other nodes');
  }

  drained(connectionsLeft: number): void {
    this.#logger.info({ moved: this.counters.moved, connectionsLeft }, 'drained');
  }

  drainUnannounced(error: unknown): void {
    this.#logger.warn({ error }, 'the other nodes could not be told of the drain');
  }

  tierFloor(tier: string, loopDelayMs: number): void {
    this.#logger.info({ tier, loopDelayMs }, 'the load of this node sets the most that clients get');
  }

  #failOnce(kind: string, fields: object, text: string): void {
    if (this.#failing.has(kind)) return;
    this.#failing.add(kind);
    this.#logger.warn(fields, text);
  }
}
