import type { Logger } from '@gala/lib/logger';
import type { Histogram, Metrics } from '@gala/lib/metrics';
import type { ViewerCounters } from './viewer.ts';

export type EdgeCounters = ReturnType<typeof edgeCounters>;

const edgeCounters = (metrics: Metrics) =>
  metrics.counters('edge', [
    'publishesAccepted',
    'publishesRefused',
    'publishesFromMemory',
    'publishersExpelled',
    'takeovers',
    'holds',
    'streamsEnded',
    'tagsIn',
    'tagsMalformed',
    'bytesIn',
    'timestampJumps',
    'gopOverflows',
    'pendingOverflows',
    'viewersJoined',
    'viewersLeft',
    'viewersKicked',
    'publishersKicked',
    'viewersWaitedInVain',
    'playsRefused',
    'disposableShed',
    'picturesShed',
    'batchesShed',
    'viewersEvicted',
    'reportsDropped',
    'framesMalformed',
    'playKeysFailed',
    'hlsBegun',
    'hlsReleased',
    'hlsOverflows',
    'hlsEvicted',
    'hlsPlaylists',
    'hlsFiles',
    'hlsRefused',
    'hlsAnswersCut',
    'drains',
    'viewersMoved',
  ]);

/** Why the segments of a stream are let go. */
export type HlsRelease = 'idle' | 'over' | 'replaced' | 'closing' | 'stream_too_large' | 'process_full';

/** One function per business event: a structured line and a counter. Keys and signatures never come here. */
export class EdgeEvents {
  readonly counters: EdgeCounters & ViewerCounters;
  /** From the request of a viewer to the first bytes of its stream. */
  readonly joinSeconds: Histogram;
  /** From the request of a publisher to the decision about it. */
  readonly admissionSeconds: Histogram;
  /** False while nothing is counted (the switch `playCounts`). */
  countsPlays: () => boolean = () => true;
  readonly #logger: Logger;
  #beatsFail = false;

  constructor(logger: Logger, metrics: Metrics) {
    this.#logger = logger;
    this.counters = edgeCounters(metrics);
    this.joinSeconds = metrics.histogram(
      'gala_edge_join_seconds',
      'from a request to play to its first bytes',
    );
    this.admissionSeconds = metrics.histogram('gala_edge_admission_seconds', 'decisions about publishers');
  }

  publishAccepted(stream: { roomId: number; epoch: number }, remoteAddress: string): void {
    this.counters.publishesAccepted++;
    this.#logger.info({ roomId: stream.roomId, epoch: stream.epoch, remoteAddress }, 'publish accepted');
  }

  publishFromMemory(roomId: number, remoteAddress: string): void {
    this.counters.publishesFromMemory++;
    this.#logger.warn({ roomId, remoteAddress }, 'publish admitted from memory, rooms are not reachable');
  }

  publishRefused(code: string, remoteAddress: string): void {
    this.counters.publishesRefused++;
    this.#logger.info({ code, remoteAddress }, 'publish refused');
  }

  takenOver(roomId: number, epoch: number): void {
    this.counters.takeovers++;
    this.#logger.info({ roomId, epoch }, 'stream taken over by a new publisher');
  }

  held(roomId: number, epoch: number, reason: string): void {
    this.counters.holds++;
    this.#logger.info({ roomId, epoch, reason }, 'publisher gone, holding the picture');
  }

  ended(roomId: number, epoch: number, reason: string): void {
    this.counters.streamsEnded++;
    this.#logger.info({ roomId, epoch, reason }, 'stream ended');
  }

  expelled(roomId: number, code: string): void {
    this.counters.publishersExpelled++;
    this.#logger.info({ roomId, code }, 'publisher admitted from memory is refused after all');
  }

  hlsBegun(roomId: number, form: string): void {
    this.counters.hlsBegun++;
    this.#logger.info({ roomId, form }, 'HLS begins');
  }

  hlsReleased(roomId: number, form: string, reason: HlsRelease): void {
    this.counters.hlsReleased++;
    if (reason === 'stream_too_large') this.counters.hlsOverflows++;
    if (reason === 'process_full') this.counters.hlsEvicted++;
    const isBound = reason === 'stream_too_large' || reason === 'process_full';
    this.#logger[isBound ? 'warn' : 'info']({ roomId, form, reason }, 'HLS released');
  }

  hlsRefused(code: string): void {
    this.counters.hlsRefused++;
    this.#logger.debug({ code }, 'HLS request refused');
  }

  viewerJoined(): void {
    this.counters.viewersJoined++;
  }

  viewerKicked(roomId: number, viewerId: number, reason: string): void {
    this.counters.viewersKicked++;
    this.#logger.info({ roomId, viewerId, reason }, 'viewer closed by an operator');
  }

  drainAsked(reason: string): void {
    this.#logger.info({ reason }, 'an operator drains this edge');
  }

  publisherKicked(roomId: number, epoch: number, reason: string): void {
    this.counters.publishersKicked++;
    this.#logger.info({ roomId, epoch, reason }, 'publisher closed by an operator');
  }

  viewerLeft(): void {
    this.counters.viewersLeft++;
  }

  playRefused(code: string): void {
    this.counters.playsRefused++;
    this.#logger.debug({ code }, 'play refused');
  }

  /** Told once for a report, however often it is tried. */
  reportFailed(roomId: number, error: unknown): void {
    this.#logger.warn({ roomId, error }, 'a report to the room service failed, trying again');
  }

  playKeysFailed(error: unknown): void {
    this.counters.playKeysFailed++;
    this.#logger.warn({ error }, 'the keys of play URLs could not be asked for');
  }

  drainBegun(reason: string): void {
    this.counters.drains++;
    this.#logger.info({ reason }, 'draining, viewers are sent to the other edges');
  }

  drainUnannounced(error: unknown): void {
    this.#logger.warn({ error }, 'the other edges could not be told of the drain');
  }

  drained(reason: string): void {
    this.#logger.info({ reason, viewersMoved: this.counters.viewersMoved }, 'drained');
  }

  /** Told once when the heart-beats begin to fail, not each second. */
  beatFailed(error: unknown): void {
    if (this.#beatsFail) return;
    this.#beatsFail = true;
    this.#logger.warn({ error }, 'heart-beats to the room service fail');
  }

  beatAnswered(): void {
    if (this.#beatsFail) this.#logger.info('heart-beats to the room service are answered again');
    this.#beatsFail = false;
  }

  reportDropped(roomId: number): void {
    this.counters.reportsDropped++;
    this.#logger.error({ roomId }, 'a report to the room service was given up');
  }
}
