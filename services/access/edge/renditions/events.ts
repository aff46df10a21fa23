import type { CodedError } from '@gala/lib/error';
import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';

const counters = (metrics: Metrics) =>
  metrics.counters('transcode', [
    'begun',
    'dropped',
    'refused',
    'childrenStarted',
    'childrenEnded',
    'picturesDropped',
    'gopsDropped',
    'damaged',
  ]);

/** Why a rendition is over. */
export type RenditionEnd = 'idle' | 'source_ended' | 'source_changed' | 'unavailable' | 'closing';

/** The business events of renditions. */
export class TranscodeEvents {
  readonly counters: ReturnType<typeof counters>;
  readonly #logger: Logger;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.counters = counters(metrics);
  }

  begun(roomId: number, rendition: string): void {
    this.counters.begun++;
    this.#logger.info({ roomId, rendition }, 'rendition begins');
  }

  dropped(roomId: number, rendition: string, reason: RenditionEnd): void {
    this.counters.dropped++;
    this.#logger.info({ roomId, rendition, reason }, 'rendition ended');
  }

  refused(roomId: number, rendition: string, code: string): void {
    this.counters.refused++;
    this.#logger.debug({ roomId, rendition, code }, 'rendition refused');
  }

  childReady(roomId: number, encoder: string): void {
    this.#logger.info({ roomId, encoder }, 'transcoding begins');
  }

  childEnded(roomId: number, error: CodedError, delayMs: number): void {
    this.counters.childrenEnded++;
    const { code, detail } = error;
    this.#logger.warn(
      { roomId, code, detail, delayMs: Math.round(delayMs) },
      'a transcoding process ended, starting another',
    );
  }

  /** Told once: nothing of this process will be transcoded. */
  unavailable(error: CodedError): void {
    this.#logger.warn({ code: error.code, detail: error.detail }, 'no renditions: the codecs are missing');
  }
}
