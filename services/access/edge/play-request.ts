import { CodedError } from '@gala/lib/error';
import { edgeErrors } from '@gala/protocol/errors';
import { parseId, roomIdMax } from '@gala/protocol/ids';
import type { Latency } from './viewer.ts';

/** What of a stream is wanted: all of it, or its sound alone. */
export type Wanted = 'all' | 'audio';

/**
 * What a viewer asks for: a room by its id or by `@<name>` of its host, `_720p` or another rung of its ladder behind
 * that, `?latency=realtime|low|economy`, `?only=audio`.
 */
export interface PlayTarget {
  /** Exactly one of the two is set. */
  readonly roomId: number | undefined;
  readonly hostName: string | undefined;
  /** A rung of the ladder, if not what the publisher sends; one of a host is still part of `hostName`. */
  readonly rendition?: string | undefined;
  readonly latency: Latency;
  readonly wanted: Wanted;
  readonly query: URLSearchParams;
}

/** The application of RTMP publishers and players; another one is refused. */
export const application = 'live';
const path = /^\/live\/(.*)\.flv$/;
const roomRef = /^(?:@([A-Za-z0-9][A-Za-z0-9._-]{2,37})|([0-9]{1,16})(?:_([0-9]{3,4}p|audio))?)$/;
const namedRendition = /^(.{3,32})_([0-9]{3,4}p|audio)$/;
const latencies: ReadonlySet<string> = new Set(['realtime', 'low', 'economy']);

/**
 * Reads `/live/<room>.flv?<query>`.
 * @throws CodedError STREAM_UNKNOWN for another path, LATENCY_INVALID and VARIANT_INVALID for unknown values
 */
export function parsePlayUrl(url: string): PlayTarget {
  const mark = url.indexOf('?');
  const ref = path.exec(mark < 0 ? url : url.slice(0, mark))?.[1] ?? '';
  return target(ref, new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)));
}

/** What an RTMP player names: `rtmp://host/live/<room>?<query>`, the query behind any of its parts. */
export interface PlayAddress {
  readonly app: string;
  readonly streamName: string;
  readonly params: Readonly<Record<string, string>>;
}

/** @throws CodedError as `parsePlayUrl` */
export function parsePlayAddress({ app, streamName, params }: PlayAddress): PlayTarget {
  return target(app === application ? streamName : '', new URLSearchParams(params));
}

function target(ref: string, query: URLSearchParams): PlayTarget {
  const latency = parseLatency(query.get('latency'));
  return { ...parseRoomRef(ref), latency, wanted: parseWanted(query), query };
}

/**
 * Reads `<roomId>`, `@<name>`, and either with a rung of the ladder behind it.
 * @throws CodedError STREAM_UNKNOWN
 */
export function parseRoomRef(ref: string): Pick<PlayTarget, 'roomId' | 'hostName' | 'rendition'> {
  const [, hostName, digits, rendition] = roomRef.exec(ref) ?? [];
  const roomId = digits ? parseId(digits, roomIdMax) : undefined;
  if (!hostName && roomId === undefined) throw new CodedError(edgeErrors, 'STREAM_UNKNOWN');
  return { roomId, hostName, rendition };
}

/** `<name>_540p` as host and rung; undefined for a name that can be a name alone. */
export function splitRendition(hostName: string) {
  const [, host, rendition] = namedRendition.exec(hostName) ?? [];
  return host === undefined ? undefined : { roomId: undefined, hostName: host, rendition };
}

/** @throws CodedError VARIANT_INVALID unless `?only=` is `audio` or not there */
export function parseWanted(query: URLSearchParams): Wanted {
  const only = query.get('only') ?? '';
  if (only !== '' && only !== 'audio') throw new CodedError(edgeErrors, 'VARIANT_INVALID');
  return only === 'audio' ? 'audio' : 'all';
}

function parseLatency(text: string | null): Latency {
  if (text === null || text === '') return 'low';
  if (!latencies.has(text)) throw new CodedError(edgeErrors, 'LATENCY_INVALID');
  return text as Latency;
}
