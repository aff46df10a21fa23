import { CodedError } from '@gala/lib/error';
import { edgeErrors } from '@gala/protocol/errors';
import { parseId, roomIdMax } from '@gala/protocol/ids';
import type { Latency } from './viewer.ts';

/** What a play URL asks for: `/live/<roomId>.flv` or `/live/@<name>.flv`, `?latency=realtime|low|economy`. */
export interface PlayTarget {
  /** Exactly one of the two is set. */
  readonly roomId: number | undefined;
  readonly hostName: string | undefined;
  readonly latency: Latency;
  readonly query: URLSearchParams;
}

const path = /^\/live\/(?:@([A-Za-z0-9][A-Za-z0-9._-]{2,31})|([0-9]{1,16}))\.flv$/;
const latencies: ReadonlySet<string> = new Set(['realtime', 'low', 'economy']);

/** @throws CodedError STREAM_UNKNOWN for another path, LATENCY_INVALID for an unknown latency */
export function parsePlayUrl(url: string): PlayTarget {
  const mark = url.indexOf('?');
  const match = path.exec(mark < 0 ? url : url.slice(0, mark));
  const roomId = match?.[2] ? parseId(match[2], roomIdMax) : undefined;
  if (!match || (!match[1] && roomId === undefined)) throw new CodedError(edgeErrors, 'STREAM_UNKNOWN');
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  return { roomId, hostName: match[1], latency: parseLatency(query.get('latency')), query };
}

function parseLatency(text: string | null): Latency {
  if (text === null || text === '') return 'low';
  if (!latencies.has(text)) throw new CodedError(edgeErrors, 'LATENCY_INVALID');
  return text as Latency;
}
