import { setTimeout as delay } from 'node:timers/promises';
import { CodedError, codeOf } from '@gala/lib/error';
import type { Span, Tracer } from '@gala/lib/trace';
import { commonErrors, roomErrors } from '@gala/protocol/errors';
import { StreamEvent } from '@gala/protocol/room';
import { isUnreachable, type Admission, type Admitted } from './admission.ts';
import type { EdgeEvents } from './events.ts';
import type { PublishGate, PublishPass } from './publish-gate.ts';
import type { Reports } from './reports.ts';
import { StreamTrace } from './stream-trace.ts';
import { edgeClosed, stoppedByRoom, type Publisher, type Stream, type StreamIdentity } from './stream.ts';
import type { Streams } from './streams.ts';

export interface IngestOptions {
  readonly admission: Admission;
  readonly gate: Pick<PublishGate, 'pass'>;
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
  readonly protocol: 'rtmp' | 'rtmps';
  readonly streamKey: string;
  /** What the encoder wrote behind its address, without the key. */
  readonly query: string;
  /** Aborted when the publisher did not wait for the decision. */
  readonly signal: AbortSignal;
}

/** Why a publisher may not go on. */
export interface Expulsion {
  readonly reason: string;
  /** For the encoder. */
  readonly description: string;
}

interface Present {
  readonly pass: PublishPass;
  readonly stream: Stream;
  /** Under which it came in. */
  readonly epoch: number;
}

/** How often a publisher that was admitted from memory asks again. */
const reconcileMs = 2_000;

/** Takes publishers in: the decision, the stream that they feed, and what is reported of it. */
export class Ingest {
  readonly #options: IngestOptions;
  /** Publishers on air; bounded by the gate. */
  readonly #present = new Map<Publisher, Present>();
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
    const { remoteAddress } = attempt.publisher;
    // A broadcast is worth a trace: they are few beside the requests that the share is for.
    using span = this.#options.tracer.start('publish', { isSampled: true });
    try {
      const pass = await this.#options.gate.pass({ ...attempt, remoteAddress });
      return await this.#publishPassed(attempt, pass, span);
    } catch (error) {
      this.#options.events.publishRefused(codeOf(error), remoteAddress);
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
    span: Span = this.#options.tracer.start('publish', { isSampled: true }),
  ): Stream {
    using _ = span;
    this.#check(admitted, signal);
    const stream = this.#streamOf(admitted);
    span.set('roomId', stream.roomId).set('epoch', admitted.epoch);
    stream.trace = new StreamTrace(this.#options.tracer, span);
    this.#attach(stream, publisher, admitted);
    return stream;
  }

  /** Call when the connection of a publisher is over, or nothing more is taken from it. */
  left(publisher: Publisher, reason: string): void {
    const present = this.#present.get(publisher);
    this.#present.delete(publisher);
    present?.pass.leave({ reason, roomId: present.stream.roomId, epoch: present.epoch });
  }

  /** Closes a publisher that may not go on; its stream is held. */
  expel(stream: Stream, publisher: Publisher, { reason, description }: Expulsion): void {
    if (stream.publisher !== publisher) return;
    this.left(publisher, reason);
    stream.detach(publisher, reason);
    publisher.close('NetStream.Publish.BadName', description);
  }

  /** Refuses publishers from here on; those on air stay. */
  refuse(): void {
    this.#closed = true;
  }

  /** Ends all streams; new publishers are refused from here on. */
  close(): void {
    this.refuse();
    for (const stream of this.#options.streams) stream.end(edgeClosed);
  }

  async #publishPassed(attempt: PublishAttempt, pass: PublishPass, span: Span): Promise<Stream> {
    const { admission } = this.#options;
    const { publisher, streamKey } = attempt;
    const { remoteAddress } = publisher;
    try {
      const admitted = pass.remembered ?? (await admission.admit(streamKey, remoteAddress, span.traceparent));
      const stream = this.putOnAir(attempt, admitted, span);
      pass.enter(admitted);
      this.#present.set(publisher, { pass, stream, epoch: stream.epoch });
      admission.remember(streamKey, admitted);
      if (admitted.fromMemory) void this.#reconcile(stream, publisher, streamKey);
      return stream;
    } catch (error) {
      pass.leave({ reason: codeOf(error).toLowerCase() });
      throw error;
    }
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
    const before = stream.publisher;
    const isTakeover = stream.isOwner && before !== undefined;
    const wasRelayed = !stream.isOwner && stream.state === 'live';
    if (before) this.left(before, 'taken_over');
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
    if (stream.state === 'ended') admission.forget(stream.roomId);
    if (!stream.isOwner) return;
    if (stream.state === 'live') reports.send(stream, StreamEvent.STARTED, reason);
    if (stream.state === 'hold') reports.send(stream, StreamEvent.HELD, reason);
    if (stream.state !== 'ended') return;
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
    this.#options.events.expelled(stream.roomId, codeOf(error));
    const description = 'the key is no longer valid';
    this.expel(stream, publisher, { reason: 'refused_after_all', description });
  }
}
