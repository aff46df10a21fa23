import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { CodedError, hasCode } from '@gala/lib/error';
import { Occupancy, rateKey, respondError } from '@gala/lib/http';
import { commonErrors, edgeErrors } from '@gala/protocol/errors';
import { grantOf } from '@gala/protocol/play';
import { rangeOf } from '../hls/range.ts';
import { asCoded } from '../coded-error.ts';
import type { PlayKeys } from '../play-keys.ts';
import { allowOrigin, preflightHeaders } from '../play.ts';
import type { RecordEvents } from '../record/events.ts';
import { keyOf } from '../record/recording.ts';
import type { Indexes } from './indexes.ts';
import { replayPlaylist, type IndexedFile } from './playlist.ts';
import { parseReplayUrl, type ReplayTarget } from './request.ts';
import type { ReplayRoom, Shelf, ShelfFile } from './shelf.ts';

export interface ReplayDoorOptions {
  readonly shelf: Shelf;
  readonly indexes: Indexes;
  readonly keys: PlayKeys;
  readonly events: RecordEvents;
  /** The address of the client itself; throws for one that may not watch. */
  readonly requesterOf: (request: IncomingMessage) => string;
  readonly readersMax: number;
  readonly readersPerAddressMax: number;
  readonly readIdleMs: number;
}

interface ReplayCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: ReplayTarget;
  readonly room: ReplayRoom;
  readonly address: string;
}

const types = { mp4: 'video/mp4', flv: 'video/x-flv' } as const;
const exposed = { 'Access-Control-Expose-Headers': 'Accept-Ranges, Content-Range, Content-Length, ETag' };

/** The door of replays on `/live/replay/…`: a playlist over all parts of a room, and the files themselves. */
export class ReplayDoor {
  readonly #options: ReplayDoorOptions;
  readonly #readers = new Occupancy();

  constructor(options: ReplayDoorOptions) {
    this.#options = options;
  }

  /** Files being sent now. */
  get readers(): number {
    return this.#readers.size;
  }

  readonly request = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.method === 'OPTIONS') {
      response.writeHead(204, preflightHeaders).end();
      return;
    }
    this.#answer(request, response).catch((error: unknown) => this.#refuse(response, error));
  };

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw new CodedError(commonErrors, 'METHOD_NOT_ALLOWED');
    }
    const { shelf, keys, requesterOf } = this.#options;
    const address = requesterOf(request);
    const target = parseReplayUrl(request.url ?? '');
    const room = await shelf.room(target.roomId);
    if (room.isPrivate) await keys.verify(target.roomId, target.query);
    const call = { request, response, target, room, address };
    await (target.file ? this.#file(call, target.file) : this.#playlist(call));
  }

  async #playlist({ request, response, target, room }: ReplayCall): Promise<void> {
    const files = room.files.filter(({ format }) => format === 'mp4');
    if (files.length === 0) throw new CodedError(edgeErrors, 'CODEC_UNSUPPORTED');
    const indexed = await this.#indexed(files);
    const isOpen = !room.isOver || files.some((file) => file.isOpen);
    const body = replayPlaylist(indexed, { isOpen, query: room.isPrivate ? grantOf(target.query) : '' });
    this.#options.events.counters.replays++;
    response.writeHead(200, {
      ...allowOrigin,
      'Content-Type': 'application/vnd.apple.mpegurl',
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-cache',
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  /** Of the files that are on this machine. @throws CodedError REPLAY_ELSEWHERE when none is */
  async #indexed(files: readonly ShelfFile[]): Promise<IndexedFile[]> {
    const indexed: IndexedFile[] = [];
    for (const file of files) {
      try {
        indexed.push({ file, index: await this.#options.indexes.of(file) });
      } catch (error) {
        if (!hasCode(error, 'BLOB_UNKNOWN')) throw error;
      }
    }
    const isHere = indexed.some(({ index }) => index.entries.length > 0);
    if (!isHere) throw new CodedError(edgeErrors, 'REPLAY_ELSEWHERE', { retryAfterSeconds: 5 });
    return indexed;
  }

  async #file(call: ReplayCall, wanted: NonNullable<ReplayTarget['file']>): Promise<void> {
    const { request, response, room } = call;
    const { startedAtMs, format } = wanted;
    const file = room.files.find((each) => each.startedAtMs === startedAtMs && each.format === format);
    if (!file) throw new CodedError(edgeErrors, 'REPLAY_UNKNOWN');
    const size = await this.#sizeOf(file);
    const range = rangeOf(request, { size, etag: etagOf(file, size) });
    const headers = headersOf(call, file, size);
    if (range === 'unsatisfiable') {
      const detail = { ...allowOrigin, 'Content-Range': `bytes */${size}` };
      return respondError(response, new CodedError(edgeErrors, 'RANGE_INVALID'), detail);
    }
    if (request.headers['if-none-match'] === headers.ETag && !file.isOpen) {
      response.writeHead(304, headers).end();
      return;
    }
    const { first, last } = range ?? { first: 0, last: size - 1 };
    const bytes = last - first + 1;
    const part = range ? { 'Content-Range': `bytes ${first}-${last}/${size}` } : {};
    const head = { ...headers, ...part, 'Content-Length': bytes };
    if (request.method === 'HEAD') response.writeHead(range ? 206 : 200, head).end();
    else await this.#send(call, file, { status: range ? 206 : 200, head, first, bytes });
  }

  /** Of a file that grows, as far as it can be played. */
  async #sizeOf(file: ShelfFile): Promise<number> {
    const { shelf, indexes } = this.#options;
    try {
      if (file.isOpen && file.format === 'mp4') return (await indexes.of(file)).wholeBytes;
      return (await shelf.reader(file).stat(keyOf(file, file.format))).bytes;
    } catch (error) {
      if (!hasCode(error, 'BLOB_UNKNOWN')) throw error;
      throw new CodedError(edgeErrors, 'REPLAY_ELSEWHERE', { retryAfterSeconds: 5 });
    }
  }

  /** Read as the client takes it; one that takes nothing is closed. */
  async #send(
    { response, address }: ReplayCall,
    file: ShelfFile,
    {
      status,
      head,
      first,
      bytes,
    }: { status: number; head: OutgoingHttpHeaders; first: number; bytes: number },
  ): Promise<void> {
    const { shelf, events, readIdleMs } = this.#options;
    const leave = this.#enter(address);
    try {
      const reader = shelf.reader(file);
      const { body } = await reader.get(keyOf(file, file.format), { offset: first, bytes });
      response.writeHead(status, head);
      response.setTimeout(readIdleMs, () => {
        events.counters.readersCut++;
        response.destroy();
      });
      body.on('data', (chunk: Buffer) => (events.counters.replayBytes += chunk.length));
      await pipeline(body, response);
    } catch (error) {
      // Who closes a download has seen enough of it.
      if (!response.headersSent) throw error;
      response.destroy();
    } finally {
      leave();
    }
  }

  /** @throws CodedError TOO_MANY_VIEWERS */
  #enter(client: string): () => void {
    const { readersMax, readersPerAddressMax } = this.#options;
    const address = rateKey(client);
    const limits = { max: readersMax, perAddressMax: readersPerAddressMax };
    if (!this.#readers.hasRoom(address, limits)) {
      throw new CodedError(edgeErrors, 'TOO_MANY_VIEWERS', { retryAfterSeconds: 1 });
    }
    this.#readers.take(address);
    return () => this.#readers.giveBack(address);
  }

  #refuse(response: ServerResponse, error: unknown): void {
    const coded = refusalOf(error);
    this.#options.events.replayRefused(coded.code);
    if (response.headersSent || response.destroyed) response.destroy();
    else respondError(response, coded, allowOrigin);
  }
}

/** Callers know the codes of the protocol: whatever ails the folder is UNAVAILABLE to them. */
function refusalOf(error: unknown): CodedError {
  if (!hasCode(error) || !error.code.startsWith('BLOB_')) return asCoded(error);
  return new CodedError(commonErrors, 'UNAVAILABLE', { cause: error, retryAfterSeconds: 1 });
}

function etagOf({ startedAtMs }: ShelfFile, size: number): string {
  return `"${startedAtMs}-${size}"`;
}

function headersOf({ target, room }: ReplayCall, file: ShelfFile, size: number): OutgoingHttpHeaders {
  const { startedAtMs, format, isOpen, roomId } = file;
  const scope = room.isPrivate ? 'private' : 'public';
  const name = `${roomId}-${startedAtMs}.${format}`;
  return {
    ...allowOrigin,
    ...exposed,
    'Content-Type': types[format],
    'Accept-Ranges': 'bytes',
    'Cache-Control': isOpen ? 'no-store' : `${scope}, max-age=86400, immutable`,
    ETag: etagOf(file, size),
    ...(target.query.has('download') && { 'Content-Disposition': `attachment; filename="${name}"` }),
  };
}
