import { setTimeout as delay } from 'node:timers/promises';
import { CodedError } from '@gala/lib/error';
import type { Span, Tracer } from '@gala/lib/trace';
import { commonErrors, roomErrors } from '@gala/protocol/errors';
import { StreamEvent } from '@gala/protocol/room';
import { isUnreachable, type Admission, type Admitted } from './admission.ts';
import type { EdgeEvents } from './events.ts';
import type { Reports } from './reports.ts';
import { StreamTrace } from './stream-trace.ts';
import { edgeClosed, stoppedByRoom, type Publisher, type Stream, type StreamIdentity } from './stream.ts';
import type { Streams } from './streams.ts';

export interface IngestOptions {
  readonly admission: Admission;
  readonly streams: Streams;
  readonly reports: Reports;
  readonly events: EdgeEvents;
  readonly tracer: Tracer;
  /** Told of each publisher that is on air here, and of each change of its epoch. */
  readonly onOwned: (stream: Stream) => void;
  readonly makeStream: (identity: StreamIdentity) => Stream;
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
    options.streams.observe((stream, reason) => this.#stateChanged(stream, reason));
  }

  /**
   * Decides about a publisher and puts it on air.
   * @throws CodedError why it is refused
   */
  async publish(attempt: PublishAttempt): Promise<Stream> {
    const { publisher, streamKey } = attempt;
    const { tracer } = this.#options;
    using span = tracer.start('publish');
    try {
      const { traceparent } = span;
      const admitted = await this.#options.admission.admit(streamKey, publisher.remoteAddress, traceparent);
      const stream = this.putOnAir(attempt, admitted, span);
      this.#options.admission.remember(streamKey, admitted);
      if (admitted.fromMemory) void this.#reconcile(stream, publisher, streamKey);
      return stream;
    } catch (error) {
      const code = error instanceof CodedError ? error.code : 'INTERNAL';
      this.#options.events.publishRefused(code, publisher.remoteAddress);
      throw error;
    }
  }

  /**
   * Puts a publisher about which has been decided on air.
   * @throws CodedError UNAVAILABLE, STREAM_STALE, DEADLINE_EXCEEDED
   */
  putOnAir(
    { publisher, signal }: Pick<PublishAttempt, 'publisher' | 'signal'>,
    admitted: Admitted,
    span: Span = this.#options.tracer.start('publish'),
  ): Stream {
    using _ = span;
    this.#check(admitted, signal);
    const stream = this.#streamOf(admitted);
    span.set('roomId', stream.roomId).set('epoch', admitted.epoch);
    stream.trace = new StreamTrace(this.#options.tracer, span);
    this.#attach(stream, publisher, admitted);
    return stream;
  }

  /** Ends all streams; new publishers are refused from here on. */
  close(): void {
    this.#closed = true;
    for (const stream of this.#options.streams) stream.end(edgeClosed);
  }

  #check(admitted: Admitted, signal: AbortSignal): void {
    if (this.#closed) throw new CodedError(commonErrors, 'UNAVAILABLE', { detail: 'the edge is closing' });
    const present = this.#options.streams.get(admitted.identity.roomId);
    // Answers may arrive out of order: the newer epoch is on air already.
    if (present && admitted.epoch < present.epoch && !admitted.fromMemory) {
      throw new CodedError(roomErrors, 'STREAM_STALE');
    }
    if (!signal.aborted) return;
    // The epoch was spent on a publisher that has left: who is on air goes on under it, or would be stale.
    if (present?.isOwner) this.#moveOn(present, admitted.epoch);
    throw new CodedError(commonErrors, 'DEADLINE_EXCEEDED', { detail: 'the publisher did not wait' });
  }

  #attach(stream: Stream, publisher: Publisher, { identity, epoch, fromMemory }: Admitted): void {
    const { events, reports, streams, onOwned } = this.#options;
    const isTakeover = stream.isOwner && stream.publisher !== undefined;
    const wasRelayed = !stream.isOwner && stream.state === 'live';
    stream.isOwner = true;
    stream.identity = identity;
    stream.attach(publisher, Math.max(epoch, stream.epoch));
    stream.provisional = fromMemory;
    if (fromMemory) events.publishFromMemory(stream.roomId, publisher.remoteAddress);
    else events.publishAccepted(stream, publisher.remoteAddress);
    if (isTakeover) reports.send(stream, StreamEvent.TAKEN_OVER, 'newer publisher');
    // Its state stays, but now it is our word that counts.
    if (wasRelayed) streams.changed(stream, 'publisher is here now');
    onOwned(stream);
  }

  #moveOn(stream: Stream, epoch: number): void {
    stream.epoch = Math.max(stream.epoch, epoch);
    this.#options.onOwned(stream);
  }

  #streamOf({ identity }: Admitted): Stream {
    const { streams, makeStream } = this.#options;
    const present = streams.get(identity.roomId);
    if (present) return present;
    // A host has one show at a time: what is left of the session before ends with the next one.
    streams.byName(identity.hostName)?.end('next_session');
    const stream = makeStream(identity);
    streams.add(stream);
    return stream;
  }

  #stateChanged(stream: Stream, reason: string): void {
    const { reports, admission } = this.#options;
    if (!stream.isOwner) return;
    if (stream.state === 'live') reports.send(stream, StreamEvent.STARTED, reason);
    if (stream.state === 'hold') reports.send(stream, StreamEvent.HELD, reason);
    if (stream.state !== 'ended') return;
    admission.forget(stream.roomId);
    const event = reason === edgeClosed ? StreamEvent.HELD : StreamEvent.STOPPED;
    if (reason !== stoppedByRoom) reports.send(stream, event, reason);
  }

  /** Asks until the room service has decided about a publisher that was admitted from memory, or it is gone. */
  async #reconcile(stream: Stream, publisher: Publisher, streamKey: string): Promise<void> {
    for (;;) {
      await delay(reconcileMs, undefined, { ref: false });
      if (stream.publisher !== publisher) return;
      try {
        const admitted = await this.#options.admission.ask(streamKey, publisher.remoteAddress);
        return this.#confirm(stream, publisher, admitted);
      } catch (error) {
        if (isUnreachable(error)) continue;
        return this.#expel(stream, publisher, error);
      }
    }
  }

  /** The same room: its epoch moves on. Another one (it ended meanwhile): the publisher must come again. */
  #confirm(stream: Stream, publisher: Publisher, { identity, epoch }: Admitted): void {
    if (stream.publisher !== publisher) return;
    if (identity.roomId !== stream.roomId) return stream.end('next_session');
    this.#moveOn(stream, epoch);
    stream.provisional = false;
    this.#options.reports.send(stream, StreamEvent.STARTED, 'admitted from memory, confirmed');
  }

  #expel(stream: Stream, publisher: Publisher, error: unknown): void {
    if (stream.publisher !== publisher) return;
    const code = error instanceof CodedError ? error.code : 'INTERNAL';
    this.#options.events.expelled(stream.roomId, code);
    stream.detach(publisher, 'refused_after_all');
    publisher.close('NetStream.Publish.BadName', 'the key is no longer valid');
  }
}
