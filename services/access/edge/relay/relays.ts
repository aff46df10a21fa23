import { LoadingCache } from '@gala/lib/cache';
import type { Clock } from '@gala/lib/clock';
import { CodedError, hasCode } from '@gala/lib/error';
import { Ticker } from '@gala/lib/lifecycle';
import type { Logger } from '@gala/lib/logger';
import type { Client } from '@gala/lib/rpc';
import type { Tracer } from '@gala/lib/trace';
import type { AccountService } from '@gala/protocol/account';
import { commonErrors, edgeErrors } from '@gala/protocol/errors';
import { hostOfRoom } from '@gala/protocol/ids';
import type { Stream, StreamIdentity } from '../stream.ts';
import type { StreamRef, StreamSource } from '../stream-lookup.ts';
import type { Streams } from '../streams.ts';
import type { ClusterToken } from '@gala/lib/rpc';
import type { RelayConfig } from './config.ts';
import type { Edges } from './edges.ts';
import type { RelayEvents } from './events.ts';
import type { PublisherNotice } from './notice.ts';
import type { Owner, Owners } from './owners.ts';
import { Relay } from './relay.ts';

/** What all relays of a process share. */
export interface RelayParts {
  readonly edges: Edges;
  readonly owners: Owners;
  readonly token: ClusterToken;
  readonly tracer: Tracer;
  readonly events: RelayEvents;
}

export interface RelaysOptions extends RelayParts {
  readonly config: RelayConfig;
  readonly streams: Streams;
  readonly accounts: Client<typeof AccountService>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly makeStream: (identity: StreamIdentity) => Stream;
}

const checkMs = 1_000;
/** Names are for good; one that is nobody's may be given any time. */
const names = { entriesMax: 10_000, ttlMs: 5_000, loadsMax: 64 };
const nothing = { record: false, forwardUrls: [] };

/** The streams of other edges that are watched here. */
export class Relays implements StreamSource, AsyncDisposable {
  readonly #options: RelaysOptions;
  readonly #byRoom = new Map<number, Relay>();
  /** Streams on their way in; all who wait for one share it. */
  readonly #opening = new Map<number, Promise<Stream>>();
  readonly #idleSinceMs = new Map<Relay, number>();
  readonly #hostIds: LoadingCache<string, number | undefined>;
  readonly #ticker: Ticker;

  constructor(options: RelaysOptions) {
    const { clock, logger, streams } = options;
    this.#options = options;
    this.#hostIds = new LoadingCache({ clock, ...names });
    const run = (): void => this.#check();
    this.#ticker = new Ticker({ name: 'idle relays', intervalMs: checkMs, run, logger, unref: true });
    streams.observe((stream) => {
      if (stream.state === 'ended') this.#closeOf(stream);
    });
  }

  get size(): number {
    return this.#byRoom.size;
  }

  /** @throws CodedError UNAVAILABLE, TOO_MANY_VIEWERS */
  async open({ roomId, hostName, rendition }: StreamRef): Promise<Stream | undefined> {
    // Rungs are made where they are watched.
    if (rendition !== undefined) return undefined;
    try {
      const hostId = roomId === undefined ? await this.#hostIdOf(hostName ?? '') : hostOfRoom(roomId);
      const owner = hostId === undefined ? undefined : await this.#options.owners.find(hostId);
      if (!owner || !this.#isElsewhere(owner)) return undefined;
      if (roomId !== undefined && owner.roomId !== roomId) return undefined;
      return await this.#bringIn(owner);
    } catch (cause) {
      if (hasCode(cause, 'STREAM_UNKNOWN')) return undefined;
      if (hasCode(cause, 'TOO_MANY_VIEWERS')) throw cause;
      throw new CodedError(commonErrors, 'UNAVAILABLE', { cause, retryAfterSeconds: 1 });
    }
  }

  /** The publisher of this stream is at another edge now: it is relayed from there. False when there is no room. */
  adopt(stream: Stream): boolean {
    const { events } = this.#options;
    this.#byRoom.get(stream.roomId)?.close();
    if (!this.#hasRoom(stream.roomId)) return false;
    events.adopted(stream.roomId, stream.epoch);
    this.#relayOf(stream.roomId).adopt(stream);
    return true;
  }

  /** The publisher of a relayed stream is here from now on. */
  takeOver(stream: Stream): void {
    const relay = this.#byRoom.get(stream.roomId);
    if (!relay) return;
    relay.close();
    this.#options.events.takenOver(stream.roomId, stream.epoch);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ticker[Symbol.asyncDispose]();
    for (const relay of this.#byRoom.values()) relay.close();
  }

  #isElsewhere({ edgeId }: Owner): boolean {
    return edgeId !== '' && edgeId !== this.#options.edges.self.id;
  }

  async #bringIn({ roomId, edgeId }: Owner): Promise<Stream | undefined> {
    const present = this.#options.streams.get(roomId) ?? this.#opening.get(roomId);
    if (present) return present;
    const peer = this.#options.edges.find(edgeId);
    // Its edge was lost, and the stream with it: the record stays until the host's next one.
    if (!peer) return undefined;
    if (!this.#hasRoom(roomId)) throw new CodedError(edgeErrors, 'TOO_MANY_VIEWERS', { detail: 'relays' });
    const opening = this.#relayOf(roomId)
      .open(peer)
      .finally(() => this.#opening.delete(roomId));
    this.#opening.set(roomId, opening);
    return opening;
  }

  #hasRoom(roomId: number): boolean {
    const { config, events } = this.#options;
    if (this.size < config.streamsMax) return true;
    events.refused(roomId);
    return false;
  }

  #relayOf(roomId: number): Relay {
    const relay: Relay = new Relay({
      ...this.#options,
      roomId,
      makeStream: (notice) => this.#streamOf(notice),
      onClosed: () => {
        if (this.#byRoom.get(roomId) === relay) this.#byRoom.delete(roomId);
        this.#idleSinceMs.delete(relay);
      },
    });
    this.#byRoom.set(roomId, relay);
    return relay;
  }

  /** A publisher may have come to this edge while the stream was on its way. */
  #streamOf({ roomId, hostName, isPrivate, holdMs }: PublisherNotice): Stream {
    const { streams, makeStream } = this.#options;
    const present = streams.get(roomId);
    if (present) return present;
    const session = streams.byName(hostName);
    // What was looked up may be of a session before the one that is here.
    if (session && session.roomId > roomId) throw new CodedError(edgeErrors, 'STREAM_UNKNOWN');
    session?.end('next_session');
    const stream = makeStream({ roomId, hostName, isPrivate, holdMs, media: nothing });
    streams.add(stream);
    return stream;
  }

  #hostIdOf(name: string): Promise<number | undefined> {
    return this.#hostIds.get(name.toLowerCase(), async () => {
      try {
        const { user } = await this.#options.accounts.findUser({ name });
        return user && Number(user.userId);
      } catch (error) {
        if (hasCode(error, 'USER_UNKNOWN')) return undefined;
        throw error;
      }
    });
  }

  #closeOf(stream: Stream): void {
    const relay = this.#byRoom.get(stream.roomId);
    if (relay?.stream === stream) relay.close();
  }

  #check(): void {
    const { clock, config, events } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const relay of this.#byRoom.values()) {
      const { stream } = relay;
      if (!stream || stream.isOwner) continue;
      if (stream.viewerCount > 0 || stream.outputCount > 0) {
        this.#idleSinceMs.delete(relay);
        continue;
      }
      const sinceMs = this.#idleSinceMs.get(relay) ?? nowMs;
      this.#idleSinceMs.set(relay, sinceMs);
      if (nowMs - sinceMs < config.idleMs) continue;
      events.released(relay.roomId, 'idle');
      stream.end('relay_idle');
    }
  }
}
