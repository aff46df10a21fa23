import { CodedError } from '@gala/lib/error';
import type { Clock } from '@gala/lib/clock';
import type { Logger } from '@gala/lib/logger';
import { commonErrors } from '@gala/protocol/errors';
import { StreamEvent } from '@gala/protocol/room';
import { isUnreachable, type Admission, type Admitted } from './admission.ts';
import type { EdgeConfig } from './config.ts';
import type { EdgeEvents } from './events.ts';
import type { Fanout } from './fanout.ts';
import type { Reports } from './reports.ts';
import { Stream, type Publisher } from './stream.ts';
import type { Streams } from './streams.ts';

export interface IngestOptions {
  readonly admission: Admission;
  readonly streams: Streams;
  readonly reports: Reports;
  readonly fanout: Fanout;
  readonly events: EdgeEvents;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: EdgeConfig['edge'];
}

export interface PublishAttempt {
  readonly publisher: Publisher;
  readonly streamKey: string;
  /** Aborted when the publisher did not wait for the decision. */
  readonly signal: AbortSignal;
}

/** How often a publisher that was admitted from memory asks again. */
const reconcileMs = 2_000;

/** Takes publishers in: the decision, the stream that they feed, and what is reported of it. */
export class Ingest {
  readonly #options: IngestOptions;
  #closed = false;

  constructor(options: IngestOptions) {
    this.#options = options;
  }

  /**
   * Decides about a publisher and puts it on air.
   * @throws CodedError why it is refused
   */
  async publish({ publisher, streamKey, signal }: PublishAttempt): Promise<Stream> {
    const { admission, events } = this.#options;
    if (this.#closed) throw new CodedError(commonErrors, 'UNAVAILABLE', { detail: 'the edge is closing' });
    try {
      const admitted = await admission.admit(streamKey, publisher.remoteAddress);
      signal.throwIfAborted();
      const stream = this.#streamOf(admitted);
      this.#attach(stream, publisher, admitted);
      if (admitted.fromMemory) this.#reconcile(stream, publisher, streamKey);
      return stream;
    } catch (error) {
      events.publishRefused(error instanceof CodedError ? error.code : 'INTERNAL', publisher.remoteAddress);
      throw error;
    }
  }

  /** Ends all streams; new publishers are refused from here on. */
  close(): void {
    this.#closed = true;
    for (const stream of this.#options.streams) stream.end('edge_closed');
  }

  #attach(stream: Stream, publisher: Publisher, { epoch, fromMemory }: Admitted): void {
    const { events, reports } = this.#options;
    const isTakeover = stream.publisher !== undefined;
    stream.attach(publisher, Math.max(epoch, stream.epoch));
    stream.provisional = fromMemory;
    if (fromMemory) events.publishFromMemory(stream.roomId, publisher.remoteAddress);
    else events.publishAccepted(stream, publisher.remoteAddress);
    if (isTakeover) reports.send(stream, StreamEvent.TAKEN_OVER, 'newer publisher');
  }

  #streamOf({ identity }: Admitted): Stream {
    const { streams } = this.#options;
    const existing = streams.get(identity.roomId);
    if (existing && existing.state !== 'ended') return existing;
    // A host has one show at a time: what is left of the session before ends with the next one.
    streams.ofHost(identity.hostId)?.end('next_session');
    const stream = new Stream({ ...this.#options, identity, onState: this.#stateChanged });
    streams.add(stream);
    return stream;
  }

  readonly #stateChanged = (stream: Stream, reason: string): void => {
    const { reports, streams, admission } = this.#options;
    if (stream.state === 'live') reports.send(stream, StreamEvent.STARTED, reason);
    if (stream.state === 'hold') reports.send(stream, StreamEvent.HELD, reason);
    if (stream.state !== 'ended') return;
    streams.remove(stream);
    admission.forget(stream.roomId);
    if (reason !== 'stopped_by_room') reports.send(stream, StreamEvent.STOPPED, reason);
  };

  /** Asks until the room service has decided; a publisher that it refuses after all is closed then. */
  #reconcile(stream: Stream, publisher: Publisher, streamKey: string): void {
    const timer = setInterval(() => {
      if (stream.publisher !== publisher || stream.state === 'ended') clearInterval(timer);
      else void attempt();
    }, reconcileMs);
    let asking = false;
    const attempt = async (): Promise<void> => {
      if (asking) return;
      asking = true;
      try {
        const admitted = await this.#options.admission.ask(streamKey, publisher.remoteAddress);
        clearInterval(timer);
        this.#confirm(stream, publisher, admitted);
      } catch (error) {
        if (!isUnreachable(error)) publisher.close('NetStream.Publish.BadName', 'the key is no longer valid');
      } finally {
        asking = false;
      }
    };
  }

  /** The same room: its epoch moves on. Another one (it ended meanwhile): the publisher must come again. */
  #confirm(stream: Stream, publisher: Publisher, admitted: Admitted): void {
    if (stream.publisher !== publisher) return;
    if (admitted.identity.roomId !== stream.roomId) {
      publisher.close('NetStream.Publish.BadName', 'the room ended meanwhile, publish again');
      return;
    }
    stream.epoch = admitted.epoch;
    stream.provisional = false;
    this.#options.reports.send(stream, StreamEvent.STARTED, 'admitted from memory, confirmed');
  }
}
