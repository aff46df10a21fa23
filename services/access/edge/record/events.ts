import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';
import type { FinishedPart, PartName, RecordingEnd, RecordingFormat } from './recording.ts';

const counters = (metrics: Metrics) =>
  metrics.counters('recording', [
    'begun',
    'done',
    'failed',
    'interrupted',
    'recovered',
    'removed',
    'unsupported',
    'fragmentsLeftOut',
    'bytesWritten',
    'reportsDropped',
    'replays',
    'replayBytes',
    'replaysRefused',
    'readersCut',
  ]);

/** Why a recording is removed. */
export type Removal = 'age' | 'budget' | 'by_host' | 'empty';

/** The business events of recordings: a structured line and a counter each. */
export class RecordEvents {
  readonly counters: ReturnType<typeof counters>;
  readonly #logger: Logger;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.counters = counters(metrics);
  }

  began({ roomId, startedAtMs }: PartName, formats: readonly RecordingFormat[]): void {
    this.counters.begun++;
    this.#logger.info({ roomId, startedAtMs, formats }, 'recording begins');
  }

  /** MP4 has no form for a codec of the stream. */
  unsupported(roomId: number): void {
    this.counters.unsupported++;
    this.#logger.warn({ roomId }, 'a codec cannot be kept as MP4, recording FLV alone');
  }

  ended(part: FinishedPart): void {
    this.counters[part.state]++;
    const { roomId, startedAtMs, durationMs, reason, files } = part;
    this.#logger.info({ roomId, startedAtMs, durationMs, reason, files }, 'recording ended');
  }

  /** The broadcast goes on without it; it begins again when that is possible. */
  interrupted(roomId: number, reason: RecordingEnd, error?: unknown): void {
    this.counters.interrupted++;
    this.#logger.error({ roomId, reason, error }, 'recording stopped, the broadcast goes on');
  }

  /** Counted for every fragment, told for the first of a row. */
  leftOut(roomId: number, isFirst: boolean): void {
    this.counters.fragmentsLeftOut++;
    if (isFirst) this.#logger.warn({ roomId }, 'the disk is slow, leaving out pictures of a recording');
  }

  recovered({ roomId, startedAtMs, durationMs, files }: FinishedPart): void {
    this.counters.recovered++;
    this.#logger.info({ roomId, startedAtMs, durationMs, files }, 'recording of a lost process closed');
  }

  recoveryFailed({ roomId, startedAtMs }: PartName, error: unknown): void {
    this.#logger.error({ roomId, startedAtMs, error }, 'recording of a lost process cannot be closed');
  }

  removed({ roomId, startedAtMs }: PartName, reason: Removal): void {
    this.counters.removed++;
    this.#logger.info({ roomId, startedAtMs, reason }, 'recording removed');
  }

  upkeepFailed(step: string, error: unknown): void {
    this.#logger.warn({ step, error }, 'upkeep of recordings failed, trying again');
  }

  /** Told once for a report, however often it is tried. */
  reportFailed(roomId: number, error: unknown): void {
    this.#logger.warn({ roomId, error }, 'a report of a recording failed, trying again');
  }

  reportDropped(roomId: number): void {
    this.counters.reportsDropped++;
    this.#logger.error({ roomId }, 'a report of a recording was given up');
  }

  replayRefused(code: string): void {
    this.counters.replaysRefused++;
    this.#logger.debug({ code }, 'replay refused');
  }
}
