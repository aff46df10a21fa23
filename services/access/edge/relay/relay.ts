import type { RecordView } from '@gala/lib/coord';
import { CodedError } from '@gala/lib/error';
import { Backoff } from '@gala/lib/lifecycle';
import type { FlvTag } from '@gala/media/flv';
import { commonErrors } from '@gala/protocol/errors';
import { hostOfRoom } from '@gala/protocol/ids';
import { StreamTrace } from '../stream-trace.ts';
import { edgeClosed, type Publisher, type Stream } from '../stream.ts';
import type { EdgePeer } from './edges.ts';
import type { PublisherNotice } from './notice.ts';
import type { Owner } from './owners.ts';
import { pullStream, type PullReader } from './pull.ts';
import type { RelayParts } from './relays.ts';

const retry = { initialMs: 100, maxMs: 2_000 };
/** How often the record is read when it cannot be watched. */
const lookAgainMs = 1_000;

export interface RelayOptions extends RelayParts {
  readonly roomId: number;
  /** Makes the stream when its owner has said whose it is. */
  readonly makeStream: (notice: PublisherNotice) => Stream;
  readonly onClosed: () => void;
}

/** The publisher of a relayed stream, as long as one epoch of it lasts. */
class RemotePublisher implements Publisher {
  readonly remoteAddress: string;
  readonly close: () => void;

  constructor(remoteAddress: string, close: () => void) {
    this.remoteAddress = remoteAddress;
    this.close = close;
  }
}

/**
 * One stream of another edge, pulled once for everybody here. When the pull breaks the stream is held, its viewers
 * stay, and the owner is looked for until there is one again or the hold is over.
 */
export class Relay implements PullReader {
  readonly roomId: number;
  readonly #options: RelayOptions;
  readonly #closing = new AbortController();
  readonly #backoff = new Backoff(retry);
  #stream: Stream | undefined;
  #ready = Promise.withResolvers<Stream>();
  #publisher: RemotePublisher | undefined;
  #pull: AbortController | undefined;
  #peer: EdgePeer | undefined;
  #view: RecordView<Owner> | undefined;
  #wake: (() => void) | undefined;
  #pulls = 0;

  constructor(options: RelayOptions) {
    this.roomId = options.roomId;
    this.#options = options;
    this.#ready.promise.catch(() => undefined);
  }

  get stream(): Stream | undefined {
    return this.#stream;
  }

  /** Pulls from `peer`; the stream, once its owner has said whose it is. Rejects as `pullStream`. */
  open(peer: EdgePeer): Promise<Stream> {
    void this.#run(peer);
    return this.#ready.promise;
  }

  /** Follows the owner of a stream that was here and is held. */
  adopt(stream: Stream): void {
    this.#stream = stream;
    void this.#run(undefined);
  }

  /** Nothing comes from here any more; the stream stays as it is. */
  close(): void {
    this.#closing.abort();
    this.#pull?.abort();
    this.#wake?.();
  }

  onPublisher(notice: PublisherNotice): void {
    const { edges, tracer } = this.#options;
    const stream = (this.#stream ??= this.#options.makeStream(notice));
    this.#ready.resolve(stream);
    // A publisher has come to this edge meanwhile, or this owner has been passed by.
    if (stream.isOwner || stream.state === 'ended' || notice.epoch < stream.epoch) return this.#pull?.abort();
    const attributes = { roomId: this.roomId, owner: this.#peer?.id ?? '', edge: edges.self.id };
    using span = tracer.start('relay.pull', { parent: notice.traceparent, attributes });
    stream.trace = new StreamTrace(tracer, span);
    const publisher = new RemotePublisher(this.#peer?.id ?? '', () => {
      if (this.#publisher === publisher) this.#pull?.abort();
    });
    this.#publisher = publisher;
    stream.attach(publisher, notice.epoch, notice.liveMs);
    this.#backoff.reset();
  }

  onTag({ type, timestampMs, payload }: FlvTag): void {
    if (this.#publisher) this.#stream?.append(this.#publisher, { kind: type, timestampMs, payload });
  }

  onReadEnd(bytes: number): void {
    this.#options.events.counters.bytesIn += bytes;
    this.#stream?.endOfRead();
  }

  /** An edge that closes has lost the stream only: its publisher will come to another one. */
  onEnd(reason: string): void {
    if (reason !== edgeClosed) this.#stream?.end(reason);
  }

  async #run(first: EdgePeer | undefined): Promise<void> {
    const { edges, onClosed } = this.#options;
    const stopListening = edges.onChange(() => this.#wake?.());
    try {
      let peer = first ?? (await this.#nextPeer());
      while (peer) {
        const error = await this.#pullFrom(peer);
        // Whoever asked is told; there is nothing to keep yet.
        if (!this.#stream) return this.#ready.reject(error ?? new CodedError(commonErrors, 'UNAVAILABLE'));
        peer = await this.#nextPeer();
      }
    } finally {
      stopListening();
      await this.#view?.[Symbol.asyncDispose]();
      onClosed();
    }
  }

  /** Answers why it ended. */
  async #pullFrom(peer: EdgePeer): Promise<unknown> {
    const { token, events } = this.#options;
    const pull = new AbortController();
    this.#pull = pull;
    this.#peer = peer;
    events.pullBegun(this.roomId, peer.id, this.#pulls++ > 0);
    void this.#watch();
    try {
      const { roomId } = this;
      await pullStream({ internalUrl: peer.internalUrl, roomId, token, signal: pull.signal }, this);
      return undefined;
    } catch (error) {
      events.pullFailed(this.roomId, peer.id, error);
      return error;
    } finally {
      this.#lose();
    }
  }

  /** The viewers see the hold from now on. */
  #lose(): void {
    const publisher = this.#publisher;
    this.#publisher = undefined;
    this.#pull = undefined;
    if (publisher) this.#stream?.detach(publisher, 'relay_lost');
  }

  /** The edge to pull from next, once there is one; undefined when there is nothing to pull for. */
  async #nextPeer(): Promise<EdgePeer | undefined> {
    await this.#pause(this.#pulls === 0 ? 0 : this.#backoff.nextMs());
    while (!this.#isOver()) {
      const owner = await this.#owner();
      if (this.#isOver()) break;
      if (owner && isPast(owner, this.roomId)) this.#stream?.end('ended_elsewhere');
      const peer = owner && this.#peerOf(owner);
      if (peer) return peer;
      await this.#pause(lookAgainMs);
    }
    return undefined;
  }

  #isOver(): boolean {
    const stream = this.#stream;
    return this.#closing.signal.aborted || !stream || stream.isOwner || stream.state === 'ended';
  }

  #peerOf({ roomId, epoch, edgeId }: Owner): EdgePeer | undefined {
    const { edges } = this.#options;
    if (roomId !== this.roomId || edgeId === edges.self.id || epoch < (this.#stream?.epoch ?? 0))
      return undefined;
    return edges.find(edgeId);
  }

  async #owner(): Promise<Owner | undefined> {
    await this.#watch();
    if (this.#view) return this.#view.current()?.value;
    return this.#options.owners.find(hostOfRoom(this.roomId)).catch(() => undefined);
  }

  /** A change of owner ends the pull from the one before, and a wait for one. */
  async #watch(): Promise<void> {
    if (this.#view) return;
    try {
      const view = await this.#options.owners.watch(hostOfRoom(this.roomId));
      if (this.#view || this.#isClosedUnwatched()) return await view[Symbol.asyncDispose]();
      this.#view = view;
      view.onChange((record) => this.#ownerChanged(record?.value));
      this.#ownerChanged(view.current()?.value);
    } catch {
      // The record is read every second instead, and the pull goes on.
    }
  }

  #isClosedUnwatched(): boolean {
    return this.#closing.signal.aborted;
  }

  #ownerChanged(owner: Owner | undefined): void {
    this.#wake?.();
    const isElsewhere = owner && this.#peer && owner.edgeId !== this.#peer.id && this.#peerOf(owner);
    if (isElsewhere && owner.epoch > (this.#stream?.epoch ?? 0)) this.#pull?.abort();
  }

  /** Until something has changed, at most so long. */
  #pause(ms: number): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), ms);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }
}

/** The room is over: it was cleared by its owner, or the host has begun another one. */
function isPast(owner: Owner, roomId: number): boolean {
  return owner.roomId > roomId || (owner.roomId === roomId && owner.edgeId === '');
}
