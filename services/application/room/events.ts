import type { Logger } from '@gala/lib/logger';
import type { Metrics } from '@gala/lib/metrics';
import type { Recording } from './recordings.ts';
import type { Host, HostMedia, Room } from './room.ts';

const counterNames = [
  'hostsCreated',
  'streamKeysRotated',
  'hostMediaChanges',
  'roomsScheduled',
  'roomsBegun',
  'publishersAdmitted',
  'publishesRefused',
  'takeovers',
  'roomsHeld',
  'roomsResumed',
  'roomsEnded',
  'staleReports',
  'heartBeatsUnanswered',
  'edgesLost',
  'sweepsFailed',
  'recordingsReported',
  'recordingRemovals',
] as const;

/** Business events of rooms: a structured line and a counter each. No line ever holds a stream key. */
export class RoomEvents {
  readonly #log: Logger;
  readonly #counters: Record<(typeof counterNames)[number], number>;

  constructor({ logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics }) {
    this.#log = logger.child({ role: 'room' });
    this.#counters = metrics.counters('room', counterNames);
  }

  hostCreated({ hostId, name }: Host): void {
    this.#counters.hostsCreated++;
    this.#log.info({ hostId, host: name }, 'host created');
  }

  streamKeyRotated({ hostId, streamKeyVersion }: Host): void {
    this.#counters.streamKeysRotated++;
    this.#log.info({ hostId, version: streamKeyVersion }, 'stream key rotated');
  }

  /** The URLs are counted and not said. */
  hostMediaChanged(hostId: number, { record, forwardUrls, sourceUrl }: HostMedia): void {
    this.#counters.hostMediaChanges++;
    const fields = { hostId, record, forwards: forwardUrls.length, hasSource: sourceUrl !== '' };
    this.#log.info(fields, 'media settings changed');
  }

  roomScheduled({ roomId, hostId }: Room): void {
    this.#counters.roomsScheduled++;
    this.#log.info({ roomId, hostId }, 'room scheduled');
  }

  publishAdmitted(room: Room, before: Room | undefined, remoteAddress: string): void {
    const { roomId, hostId, epoch, edgeId } = room;
    this.#counters.publishersAdmitted++;
    if (!before || before.state === 'created') this.#counters.roomsBegun++;
    if (before?.state === 'hold') this.#counters.roomsResumed++;
    if (before?.state === 'live') this.#counters.takeovers++;
    const from = before?.state ?? 'none';
    this.#log.info({ roomId, hostId, epoch, edgeId, from, remoteAddress }, 'publish admitted');
  }

  /** The edge that asked tells the operator, in one line for all refusals, those of its own included. */
  publishRefused(code: string, edgeId: string, remoteAddress: string): void {
    this.#counters.publishesRefused++;
    this.#log.debug({ code, edgeId, remoteAddress }, 'publish refused');
  }

  /** Called with the row before and after whatever moved it. */
  roomMoved(before: Room, after: Room, cause: string): void {
    if (before.state === after.state) return;
    const { roomId, hostId, epoch, edgeId } = before;
    const fields = { roomId, hostId, epoch, edgeId, cause };
    if (after.state === 'hold') {
      this.#counters.roomsHeld++;
      this.#log.info(fields, 'room held');
    } else if (after.state === 'live') {
      this.#counters.roomsResumed++;
      this.#log.info(fields, 'room resumed');
    } else if (after.state === 'ended') {
      this.#counters.roomsEnded++;
      this.#log.info({ ...fields, reason: after.endReason }, 'room ended');
    }
  }

  recordingReported({
    roomId,
    startedAtMs,
    format,
    folder,
    state,
    durationMs,
    bytes,
    reason,
  }: Recording): void {
    this.#counters.recordingsReported++;
    const fields = { roomId, startedAtMs, format, folder, state, durationMs, bytes, reason };
    this.#log.debug(fields, 'recording reported');
  }

  recordingsHidden(roomId: number, files: number): void {
    this.#counters.recordingRemovals += files;
    this.#log.info({ roomId, files }, 'recordings are to be removed');
  }

  reportStale(roomId: number, epoch: number, edgeId: string): void {
    this.#counters.staleReports++;
    this.#log.debug({ roomId, epoch, edgeId }, 'stale report');
  }

  heartBeatsUnanswered(database: string, edges: number, error: unknown): void {
    this.#counters.heartBeatsUnanswered += edges;
    this.#log.warn({ database, edges, error }, 'heart-beats left unanswered');
  }

  edgeLost(edgeId: string, fence: number): void {
    this.#counters.edgesLost++;
    this.#log.warn({ edgeId, fence }, 'edge lost');
  }

  /** One line an outage; every sweep of it is counted. */
  sweepFailed(error: unknown, isFirst: boolean): void {
    this.#counters.sweepsFailed++;
    if (isFirst) this.#log.warn({ error }, 'sweep failed');
  }
}
