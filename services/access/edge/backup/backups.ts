import type { Clock } from '@gala/lib/clock';
import { CodedError, codeOf } from '@gala/lib/error';
import { commonErrors, edgeErrors } from '@gala/protocol/errors';
import type { Admission } from '../admission.ts';
import type { Ingest, PublishAttempt } from '../ingest.ts';
import type { PublishGate, PublishPass } from '../publish-gate.ts';
import type { Stream } from '../stream.ts';
import type { Streams } from '../streams.ts';
import { Backup } from './backup.ts';
import type { BackupConfig } from './config.ts';
import type { BackupEvents } from './events.ts';

export interface BackupsOptions {
  readonly admission: Admission;
  readonly gate: Pick<PublishGate, 'pass'>;
  readonly ingest: Ingest;
  readonly streams: Streams;
  readonly clock: Clock;
  readonly config: BackupConfig;
  readonly events: BackupEvents;
}

/** How often it is looked whether a publisher with a backup has gone silent. */
const lookMs = 100;

/**
 * Backup publishers (`?backup=1` behind the stream key): each waits beside its host's publisher on this process, is
 * put on air when that leaves or goes silent, and stands back when it returns. The room, its epoch and its owner stay
 * the same all the time. Bounded per host, and by the gate that all publishers pass.
 */
export class Backups implements Disposable {
  readonly #options: BackupsOptions;
  readonly #passes = new Map<Backup, PublishPass>();
  readonly #looking: NodeJS.Timeout;

  constructor(options: BackupsOptions) {
    this.#options = options;
    options.streams.observe((stream, reason) => {
      if (stream.state === 'ended') this.#dismiss(stream, reason);
    });
    this.#looking = setInterval(() => this.#lookForSilence(), lookMs).unref();
  }

  get size(): number {
    return this.#passes.size;
  }

  get heldBytes(): number {
    return [...this.#passes.keys()].reduce((sum, { heldBytes }) => sum + heldBytes, 0);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#looking);
  }

  /**
   * Decides about a backup as about any publisher, but begins no room and takes none over.
   * @throws CodedError TOO_MANY_PUBLISHERS, DEADLINE_EXCEEDED, what `PublishGate.pass` and `Admission.check` throw
   */
  async stand(attempt: PublishAttempt): Promise<Backup> {
    const { gate, events } = this.#options;
    const { remoteAddress } = attempt.publisher;
    try {
      const pass = await gate.pass({ ...attempt, remoteAddress });
      const backup = await this.#admit(attempt, pass);
      events.accepted(backup.hostName, remoteAddress);
      const stream = this.#options.streams.byName(backup.hostName);
      if (stream) this.standIn(stream);
      return backup;
    } catch (error) {
      events.refused(codeOf(error), remoteAddress);
      throw error;
    }
  }

  /** Call when the publisher of a stream has left it: a backup speaks on, if there is one. */
  standIn(stream: Stream): void {
    if (stream.state !== 'hold' || !stream.isOwner) return;
    const backup = this.#spare(stream.identity.hostName);
    if (!backup) return;
    backup.goOnAir(stream);
    this.#options.events.putOnAir(stream.roomId, backup.remoteAddress);
  }

  /** Call when the connection of a backup is over. */
  leave(backup: Backup, reason: string): void {
    const pass = this.#passes.get(backup);
    this.#passes.delete(backup);
    const stream = backup.leave(reason);
    if (stream) this.standIn(stream);
    if (!pass) return;
    pass.leave({ reason });
    this.#options.events.left(backup.hostName, reason);
  }

  async #admit({ publisher, streamKey, signal }: PublishAttempt, pass: PublishPass): Promise<Backup> {
    const { admission, clock, events } = this.#options;
    try {
      const admitted = await admission.check(streamKey, publisher.remoteAddress);
      const { hostName } = admitted.identity;
      if (signal.aborted) throw new CodedError(commonErrors, 'DEADLINE_EXCEEDED');
      this.#assertPlace(hostName);
      pass.enter(admitted);
      const onStoodBack = (stream: Stream): void => events.stoodBack(stream.roomId);
      const backup = new Backup({ connection: publisher, hostName, clock, onStoodBack });
      this.#passes.set(backup, pass);
      return backup;
    } catch (error) {
      pass.leave({ reason: 'refused' });
      throw error;
    }
  }

  #assertPlace(hostName: string): void {
    const present = this.#ofHost(hostName).length;
    if (present >= this.#options.config.perHostMax) throw new CodedError(edgeErrors, 'TOO_MANY_PUBLISHERS');
  }

  #ofHost(hostName: string): Backup[] {
    return [...this.#passes.keys()].filter((backup) => backup.hostName === hostName);
  }

  /** The one that has waited longest. */
  #spare(hostName: string): Backup | undefined {
    return this.#ofHost(hostName).find(({ isOnAir }) => !isOnAir);
  }

  #lookForSilence(): void {
    const { streams, ingest, clock, config, events } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const hostName of new Set([...this.#passes.keys()].map((backup) => backup.hostName))) {
      const stream = streams.byName(hostName);
      if (!stream?.publisher || !stream.isOwner || !this.#spare(hostName)) continue;
      if (nowMs - stream.heardAtMs < config.silentMs) continue;
      events.silentReplaced(stream.roomId);
      ingest.expel(stream, stream.publisher, {
        reason: 'silent',
        description: 'silent; a backup has taken over',
      });
      this.standIn(stream);
    }
  }

  /** The show is over for its backups too; the one on air was told by the stream itself. */
  #dismiss(stream: Stream, reason: string): void {
    for (const backup of this.#ofHost(stream.identity.hostName)) {
      if (!backup.isOnAir) backup.close('NetStream.Unpublish.Success', reason);
    }
  }
}
