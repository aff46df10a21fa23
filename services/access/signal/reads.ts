import type { IncomingMessage, ServerResponse } from 'node:http';
import { LoadingCache } from '@gala/lib/cache';
import type { Clock } from '@gala/lib/clock';
import { CodedError, hasCode } from '@gala/lib/error';
import { rateKey, RateLimiter, respondError, type HttpListener } from '@gala/lib/http';
import type { Client } from '@gala/lib/rpc';
import type { SigningKeys } from '@gala/lib/signing-keys';
import { commonErrors, roomErrors, signalErrors } from '@gala/protocol/errors';
import { hostOfRoom, parseId, roomIdMax } from '@gala/protocol/ids';
import { Visibility, type RoomService } from '@gala/protocol/room';
import {
  decodeBatch,
  encodePage,
  pageMediaTypes,
  parsePlace,
  pullWaitMsMax,
  slotMs,
  slotReadyMs,
  type EncodedPage,
  type Position,
} from '@gala/protocol/signals';
import { ticketKid, verifyTicket } from '@gala/protocol/ticket';
import type { SignalConfig } from './config.ts';
import type { SignalEvents } from './events.ts';
import type { Room } from './room.ts';
import type { Rooms } from './rooms.ts';
import type { SharedBatch } from './shared.ts';

export interface ReadsParts {
  readonly clock: Clock;
  readonly config: SignalConfig;
  readonly listener: Pick<HttpListener, 'clientAddress'>;
  readonly keys: SigningKeys;
  readonly rooms: Rooms;
  readonly catalog: Client<typeof RoomService>;
  readonly events: SignalEvents;
}

interface Asked {
  readonly roomId: number;
  readonly what: string;
  readonly query: URLSearchParams;
}

/** What is answered: a page, and how long caches may keep it. */
interface Answer {
  readonly page: EncodedPage;
  /** 0: not at all; Infinity: it never changes. */
  readonly maxAgeSeconds: number;
}

const openHeaders = { 'Access-Control-Allow-Origin': '*' };
const preflightHeaders = {
  ...openHeaders,
  'Access-Control-Allow-Methods': 'GET, HEAD',
  'Access-Control-Allow-Headers': '*',
  'Access-Control-Max-Age': '86400',
};
/** Of one answer; the reader asks on. */
const batchesMax = 500;
const bytesMax = 1_048_576;
/** Readers that wait for something new; others are answered at once. */
const waitingMax = 20_000;
/** A slot that is over is the same for good; caches need not keep it for longer than anybody comes back. */
const overSeconds = 3_600;
/** Offsets before the own ring that are read when a slot begins before it. */
const slotReachOffsets = 2_000;

/**
 * The same sequence by HTTP: `/rooms/<id>/pull` by cursor, and `/rooms/<id>/slots/<n>` in slots of time that caches
 * keep. A room stays open for readers as long as they come.
 */
export class Reads implements Disposable {
  readonly #parts: ReadsParts;
  readonly #limiter: RateLimiter;
  readonly #isPrivate: LoadingCache<number, boolean>;
  readonly #closing = new AbortController();
  waiting = 0;

  constructor(parts: ReadsParts) {
    this.#parts = parts;
    const { clock, config } = parts;
    this.#limiter = new RateLimiter({ ...config.readsPerAddress, clock });
    this.#isPrivate = new LoadingCache({ clock, entriesMax: 10_000, ttlMs: 5_000 });
  }

  readonly request = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      await this.#serve(request, response);
    } catch (error) {
      this.#parts.events.counters.readsRefused++;
      if (!hasCode(error)) throw error;
      if (!response.destroyed) respondError(response, error, openHeaders);
    }
  };

  [Symbol.dispose](): void {
    this.#closing.abort();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'OPTIONS') return void response.writeHead(204, preflightHeaders).end();
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw new CodedError(commonErrors, 'METHOD_NOT_ALLOWED');
    }
    const waitSeconds = this.#limiter.take(rateKey(this.#parts.listener.clientAddress(request)));
    if (waitSeconds > 0)
      throw new CodedError(commonErrors, 'RATE_LIMITED', { retryAfterSeconds: waitSeconds });
    const asked = this.#asked(request.url ?? '');
    const isPrivate = await this.#isPrivate.get(asked.roomId, () => this.#askIsPrivate(asked.roomId));
    if (isPrivate) await this.#checkTicket(request, asked);
    const answer = asked.what === 'pull' ? await this.#pull(asked, response) : await this.#slot(asked);
    if (!response.destroyed) respondPage(request, response, { ...answer, isPrivate });
  }

  /** @throws CodedError NOT_FOUND, ROOM_UNKNOWN */
  #asked(url: string): Asked {
    const { pathname, searchParams: query } = new URL(url, 'http://node');
    const path = pathname.slice(this.#parts.config.path.length);
    const [, id = '', what = ''] =
      /^\/rooms\/([0-9]{1,16})\/(pull|slots\/(?:latest|[0-9]{1,13}))$/.exec(path) ?? [];
    if (what === '') throw new CodedError(commonErrors, 'NOT_FOUND');
    const roomId = parseId(id, roomIdMax);
    if (roomId === undefined || hostOfRoom(roomId) === 0) throw new CodedError(roomErrors, 'ROOM_UNKNOWN');
    return { roomId, what, query };
  }

  async #askIsPrivate(roomId: number): Promise<boolean> {
    const { room } = await this.#parts.catalog.getRoom({ roomId: BigInt(roomId) });
    return room?.visibility !== Visibility.PUBLIC;
  }

  /** @throws CodedError TICKET_INVALID */
  async #checkTicket({ headers }: IncomingMessage, { roomId, query }: Asked): Promise<void> {
    const { keys: known, clock } = this.#parts;
    const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
    const text = bearer ?? query.get('ticket') ?? '';
    const keys = await known.for(ticketKid(text) ?? '');
    const ticket = verifyTicket(text, { keys, nowMs: clock.nowMs() });
    if (ticket?.roomId !== roomId) throw new CodedError(signalErrors, 'TICKET_INVALID');
  }

  async #pull({ roomId, query }: Asked, response: ServerResponse): Promise<Answer> {
    const { rooms, events } = this.#parts;
    events.counters.pulls++;
    const waitMs = Math.min(pullWaitMsMax, Math.max(0, Number(query.get('waitMs') ?? 0) || 0));
    const room = await rooms.open(roomId, waitMs + 1_000);
    const after = query.get('after');
    if (after === null)
      return { page: { ...emptyPage(room, room.position), state: room.state }, maxAgeSeconds: 0 };
    const place = parsePlace(after);
    if (!place) throw new CodedError(commonErrors, 'INVALID_REQUEST', { detail: 'after' });
    const isCurrent = place.epoch === room.epoch && place.offset >= room.offset;
    if (isCurrent && waitMs > 0) await this.#whenSaid(room, waitMs, response);
    const missed = await rooms.missedSince(room, place);
    if (!missed) throw new CodedError(commonErrors, 'UNAVAILABLE', { retryAfterSeconds: 1 });
    return { page: pageAfter(room, place, missed), maxAgeSeconds: 0 };
  }

  /** Until something is said, the time is over, or the reader has gone. */
  #whenSaid(room: Room, waitMs: number, response: ServerResponse): Promise<void> {
    const { signal } = this.#closing;
    if (this.waiting >= waitingMax || signal.aborted) return Promise.resolve();
    this.waiting++;
    return new Promise((resolve) => {
      const done = (): void => {
        this.waiting--;
        clearTimeout(timer);
        stopListening();
        response.off('close', done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      const stopListening = room.onBatch(done);
      response.once('close', done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  async #slot({ roomId, what }: Asked): Promise<Answer> {
    const { clock, rooms, events } = this.#parts;
    events.counters.slotReads++;
    const newest = Math.floor((clock.nowMs() - slotReadyMs) / slotMs) - 1;
    const isLatest = what === 'slots/latest';
    const slot = isLatest ? newest : Number(what.slice('slots/'.length));
    if (slot > newest) {
      throw new CodedError(commonErrors, 'UNAVAILABLE', {
        detail: 'the slot is not over',
        retryAfterSeconds: 1,
      });
    }
    const room = await rooms.open(roomId);
    const fromMs = slot * slotMs;
    if (room.ring.coveredFromMs > fromMs) {
      const offset = Math.max(0, room.ring.base - slotReachOffsets);
      await rooms.missedSince(room, { epoch: room.epoch, offset, durable: room.durable });
    }
    const isComplete = room.ring.coveredFromMs <= fromMs;
    const page = slotPage(room, fromMs, isComplete);
    return { page, maxAgeSeconds: isComplete ? (isLatest ? 1 : overSeconds) : 0 };
  }
}

/** Nothing after this place. */
function emptyPage(room: Room, { epoch, offset, durable }: Position): EncodedPage {
  const { stateVersion } = room;
  return { epoch, after: offset, offset, durable, stateVersion, isComplete: true, state: [], batches: [] };
}

function pageAfter(
  room: Room,
  place: Position,
  { batches, isComplete }: { readonly batches: readonly SharedBatch[]; readonly isComplete: boolean },
): EncodedPage {
  let bytes = 0;
  const cut = batches.findIndex((batch, index) => index >= batchesMax || (bytes += batch.bytes) > bytesMax);
  const given = cut > 0 ? batches.slice(0, cut) : batches;
  const last = given.at(-1);
  const isAll = given.length === batches.length;
  if (!last) return { ...emptyPage(room, isComplete ? place : room.position), isComplete };
  const page =
    isAll || last.epoch !== room.epoch ? emptyPage(room, room.position) : emptyPage(room, last.place);
  const after = isComplete
    ? place.offset
    : Math.max(0, (given.find(({ epoch }) => epoch === room.epoch)?.from ?? 1) - 1);
  return { ...page, after, isComplete, batches: given.map(({ plain }) => plain) };
}

function slotPage(room: Room, fromMs: number, isComplete: boolean): EncodedPage {
  const { before, batches } = room.ring.between(fromMs, fromMs + slotMs);
  const first = before?.place ?? { epoch: room.epoch, offset: room.ring.base, durable: 0 };
  const last = batches.at(-1);
  const { offset, durable } = last?.place ?? first;
  const stateVersion = (last ?? before)?.stateVersion ?? room.stateVersion;
  const places = { epoch: room.epoch, after: first.offset, offset, durable };
  return { ...places, stateVersion, isComplete, state: [], batches: batches.map(({ plain }) => plain) };
}

function respondPage(
  request: IncomingMessage,
  response: ServerResponse,
  { page, maxAgeSeconds, isPrivate }: Answer & { readonly isPrivate: boolean },
): void {
  const isJson = request.headers.accept?.includes(pageMediaTypes.json) ?? false;
  const etag = `"${page.epoch}.${page.after}.${page.offset}${isJson ? 'j' : ''}"`;
  const scope = isPrivate ? 'private' : 'public';
  const lasts = maxAgeSeconds === overSeconds ? ', immutable' : '';
  const headers = {
    ...openHeaders,
    Vary: 'Accept',
    'Cache-Control': maxAgeSeconds === 0 ? 'no-store' : `${scope}, max-age=${maxAgeSeconds}${lasts}`,
    ...(maxAgeSeconds > 0 && { ETag: etag }),
  };
  if (maxAgeSeconds > 0 && request.headers['if-none-match'] === etag) {
    return void response.writeHead(304, headers).end();
  }
  const body = isJson ? Buffer.from(JSON.stringify(jsonPage(page))) : encodePage(page);
  const type = isJson ? pageMediaTypes.json : pageMediaTypes.binary;
  response.writeHead(200, { ...headers, 'Content-Type': type, 'Content-Length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function jsonPage({ batches, ...head }: EncodedPage): object {
  return { ...head, batches: batches.map(decodeBatch) };
}
