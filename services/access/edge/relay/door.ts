import type { IncomingMessage, ServerResponse } from 'node:http';
import { CodedError } from '@gala/lib/error';
import { respondError, takeSocket } from '@gala/lib/http';
import { commonErrors, edgeErrors } from '@gala/protocol/errors';
import { parseId, roomIdMax } from '@gala/protocol/ids';
import { asCoded } from '../coded-error.ts';
import type { Stream } from '../stream.ts';
import type { Streams } from '../streams.ts';
import type { ClusterToken } from '@gala/lib/rpc';
import { checkMember } from './member-check.ts';
import type { RelayConfig } from './config.ts';
import type { RelayEvents } from './events.ts';
import { Feed } from './feed.ts';

export interface RelayDoorOptions {
  readonly token: ClusterToken;
  readonly streams: Streams;
  readonly config: RelayConfig;
  readonly events: RelayEvents;
}

const path = /^\/relay\/([0-9]{1,16})\.flv$/;
const head = { 'Content-Type': 'video/x-flv', 'Cache-Control': 'no-store' };

/**
 * The door of other edges, `GET /relay/<roomId>.flv` on the internal listener. It gives streams whose publisher is
 * here, and none that came from another edge: copies are never made of copies, so they cannot run in circles.
 */
export class RelayDoor {
  readonly #options: RelayDoorOptions;
  readonly #feeds = new Map<Stream, Set<Feed>>();
  #size = 0;

  constructor(options: RelayDoorOptions) {
    this.#options = options;
  }

  /** Copies that are given now. */
  get size(): number {
    return this.#size;
  }

  isFed(stream: Stream): boolean {
    return this.#feeds.has(stream);
  }

  readonly request = (request: IncomingMessage, response: ServerResponse): void => {
    try {
      this.#serve(request, response);
    } catch (error) {
      const coded = asCoded(error);
      this.#options.events.feedRefused(coded.code);
      respondError(response, coded);
    }
  };

  /** Sends the other edges elsewhere: the stream is not ours any more. */
  closeFeeds(stream: Stream): void {
    for (const feed of this.#feeds.get(stream) ?? []) feed.destroy();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    checkMember(this.#options.token, request);
    if (request.method !== 'GET') throw new CodedError(commonErrors, 'METHOD_NOT_ALLOWED');
    const stream = this.#find(request.url ?? '');
    if (this.#size >= this.#options.config.feedsMax) {
      throw new CodedError(commonErrors, 'UNAVAILABLE', { detail: 'too many copies of streams' });
    }
    const remoteAddress = request.socket.remoteAddress ?? '';
    const socket = takeSocket(response, { headers: head });
    if (!socket) return;
    // What is written is a whole read of the publisher, so there is nothing to gather.
    socket.setNoDelay(true);
    this.#options.events.feedBegun(stream.roomId, remoteAddress);
    const feed = new Feed(stream, socket, this.#options.events);
    this.#add(stream, feed);
    socket.once('close', () => this.#remove(stream, feed));
  }

  #find(url: string): Stream {
    const roomId = parseId(path.exec(url)?.[1] ?? '', roomIdMax);
    const stream = roomId === undefined ? undefined : this.#options.streams.get(roomId);
    if (!stream?.isOwner) throw new CodedError(edgeErrors, 'STREAM_UNKNOWN');
    return stream;
  }

  #add(stream: Stream, feed: Feed): void {
    this.#size++;
    const feeds = this.#feeds.get(stream) ?? new Set();
    this.#feeds.set(stream, feeds.add(feed));
  }

  #remove(stream: Stream, feed: Feed): void {
    this.#size--;
    const feeds = this.#feeds.get(stream);
    feeds?.delete(feed);
    if (feeds?.size === 0) this.#feeds.delete(stream);
  }
}
