import type { IncomingMessage, ServerResponse } from 'node:http';
import { CodedError } from '@gala/lib/error';
import { respondError } from '@gala/lib/http';
import { commonErrors, edgeErrors } from '@gala/protocol/errors';
import { asCoded } from '../coded-error.ts';
import { allowOrigin, preflightHeaders } from '../play.ts';
import { parseRoomRef } from '../play-request.ts';
import type { StreamLookup } from '../stream-lookup.ts';
import type { Cover } from './cover-shelf.ts';
import type { Covers } from './covers.ts';
import type { CoverEvents } from './events.ts';

export interface CoverDoorOptions {
  readonly covers: Covers;
  readonly lookup: StreamLookup;
  readonly events: CoverEvents;
}

const coverPath = /^\/live\/([^/]+)\.jpg$/;
const maxAgeSeconds = 10;

/** True for the URLs below `/live` that are covers. */
export function isCoverUrl(url: string): boolean {
  return coverPath.test(url.split('?', 1)[0]);
}

/** The door of covers: `/live/<roomId>.jpg`, `/live/@<name>.jpg`. Private rooms have none. */
export class CoverDoor {
  readonly #options: CoverDoorOptions;

  constructor(options: CoverDoorOptions) {
    this.#options = options;
  }

  readonly request = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.method === 'OPTIONS') {
      response.writeHead(204, preflightHeaders).end();
      return;
    }
    try {
      this.#respond(request, response, this.#find(request));
    } catch (error) {
      const coded = asCoded(error);
      this.#options.events.refused(coded.code);
      respondError(response, coded, allowOrigin);
    }
  };

  #find({ method, url = '' }: IncomingMessage): Cover {
    if (method !== 'GET' && method !== 'HEAD') throw new CodedError(commonErrors, 'METHOD_NOT_ALLOWED');
    const { covers, lookup } = this.#options;
    const ref = parseRoomRef(coverPath.exec(url.split('?', 1)[0])?.[1] ?? '');
    const roomId = ref.roomId ?? lookup.present(ref)?.roomId;
    const cover = roomId === undefined || ref.rendition !== undefined ? undefined : covers.get(roomId);
    if (!cover) throw new CodedError(edgeErrors, 'COVER_UNKNOWN');
    return cover;
  }

  #respond(request: IncomingMessage, response: ServerResponse, { jpeg, etag, madeAtMs }: Cover): void {
    const headers = {
      ...allowOrigin,
      'Cache-Control': `public, max-age=${maxAgeSeconds}`,
      ETag: etag,
      'Last-Modified': new Date(madeAtMs).toUTCString(),
    };
    this.#options.events.counters.served++;
    if (request.headers['if-none-match'] === etag) return void response.writeHead(304, headers).end();
    response.writeHead(200, { ...headers, 'Content-Type': 'image/jpeg', 'Content-Length': jpeg.length });
    response.end(request.method === 'HEAD' ? undefined : jpeg);
  }
}
