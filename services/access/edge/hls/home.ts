import { Agent, request as openRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { CodedError } from '@gala/lib/error';
import { respondError } from '@gala/lib/http';
import { commonErrors } from '@gala/protocol/errors';
import { checkMember } from '../relay/member-check.ts';
import type { Play } from '../play.ts';
import type { ClusterToken } from '@gala/lib/rpc';
import type { EdgePeer, Edges } from '../relay/edges.ts';
import type { StreamLookup } from '../stream-lookup.ts';
import type { HlsDoor } from './door.ts';
import { parseHlsUrl } from './request.ts';

export interface HlsHomeOptions {
  readonly edges: Edges;
  readonly door: HlsDoor;
  readonly play: Play;
  readonly lookup: StreamLookup;
  readonly token: ClusterToken;
  /** Requests on their way to other edges; more wait. */
  readonly requestsMax: number;
}

const prefix = '/hls';
const clientHeader = 'x-gala-client';
/** Longer than any playlist is waited for, and than an answer may take. */
const silentMsMax = 75_000;
const perConnection = new Set(['connection', 'keep-alive', 'host', 'authorization', clientHeader]);

/**
 * Where several edges share a port, the connections of one HLS player end up in any of them, and each cuts segments of
 * its own. So a room has a home among them, by its id alone, which answers for all: an edge that is asked for a room of
 * another home passes the request on.
 */
export class HlsHome {
  readonly #options: HlsHomeOptions;
  readonly #agent: Agent;

  constructor(options: HlsHomeOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: true, maxTotalSockets: options.requestsMax });
  }

  /** Of players. */
  readonly request = (request: IncomingMessage, response: ServerResponse): void => {
    const { door } = this.#options;
    this.#homeOf(request)
      .then((home) => (home ? this.#passOn(home, request, response) : door.request(request, response)))
      // What is wrong with it is said by the door.
      .catch(() => door.request(request, response));
  };

  /** Of the other edges, on the internal listener. */
  readonly passedOn = (request: IncomingMessage, response: ServerResponse): void => {
    checkMember(this.#options.token, request);
    const client = request.headers[clientHeader]?.toString() ?? '';
    request.url = request.url?.slice(prefix.length);
    this.#options.door.serve(request, response, () => client);
  };

  /** Undefined when that is this edge. */
  async #homeOf(request: IncomingMessage): Promise<EdgePeer | undefined> {
    const { edges, lookup } = this.#options;
    const siblings = edges.siblings();
    if (siblings.length === 0 || request.method === 'OPTIONS') return undefined;
    const target = parseHlsUrl(request.url ?? '');
    const roomId = target.roomId ?? (await lookup.find({ ...target, rendition: undefined })).roomId;
    const home = siblings.reduce((a, b) => (weightOf(a, roomId) >= weightOf(b, roomId) ? a : b));
    return home.id === edges.self.id ? undefined : home;
  }

  #passOn({ internalUrl }: EdgePeer, request: IncomingMessage, response: ServerResponse): void {
    const { door, play, token } = this.#options;
    const headers = {
      ...passedHeaders(request.headers),
      authorization: token.authorization,
      [clientHeader]: play.requesterOf(request),
    };
    const options = { method: request.method, headers, agent: this.#agent, timeout: silentMsMax };
    const onward = openRequest(`${internalUrl}${prefix}${request.url}`, options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, passedHeaders(answer.headers));
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    });
    onward.on('timeout', () => onward.destroy());
    onward.on('error', (error: NodeJS.ErrnoException) => {
      if (response.headersSent || response.destroyed) response.destroy();
      // It has just ended: until that is known, a playlist of our own is better than none.
      else if (error.code === 'ECONNREFUSED') door.request(request, response);
      else respondError(response, new CodedError(commonErrors, 'UNAVAILABLE', { retryAfterSeconds: 1 }));
    });
    response.once('close', () => onward.destroy());
    onward.end();
  }
}

function passedHeaders(headers: IncomingMessage['headers']): IncomingMessage['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !perConnection.has(name)));
}

/** The edge of the greatest weight is home (rendezvous hashing): when one goes, only its own rooms move. FNV-1a. */
function weightOf({ id }: EdgePeer, roomId: number): number {
  let hash = 0x811c9dc5;
  for (const character of `${roomId}@${id}`) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  return hash >>> 0;
}
