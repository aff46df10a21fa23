import { CodedError, hasCode } from '@gala/lib/error';
import type { FlvTag } from '@gala/media/flv';
import { connectFlv } from '@gala/media-io/flv';
import { commonErrors, edgeErrors } from '@gala/protocol/errors';
import type { ClusterToken } from '@gala/lib/rpc';
import { readNotice, type PublisherNotice } from './notice.ts';

export interface PullTarget {
  /** `http://host:port` of the owner's internal listener. */
  readonly internalUrl: string;
  readonly roomId: number;
  readonly token: ClusterToken;
  readonly signal: AbortSignal;
}

/** What comes through a pull, in order. What it throws ends the pull. */
export interface PullReader {
  onPublisher(notice: PublisherNotice): void;
  onTag(tag: FlvTag): void;
  /** All tags of one socket read have been given. */
  onReadEnd(bytes: number): void;
  /** The stream is over at its owner. */
  onEnd(reason: string): void;
}

/** The owner says something at least once a second: after so long it is gone, or the way to it. */
const silentMsMax = 2_500;

/**
 * Reads a stream from the edge that owns it until that ends, breaks or is aborted.
 * @throws CodedError STREAM_UNKNOWN, UNAVAILABLE, and what the reader throws
 */
export async function pullStream(target: PullTarget, reader: PullReader): Promise<void> {
  const { internalUrl, roomId, token, signal } = target;
  try {
    using client = await connectFlv(`${internalUrl}/relay/${roomId}.flv`, {
      headers: { authorization: token.authorization },
      signal,
      silentMsMax,
      onTag: (tag) => take(tag, reader),
      onBatchEnd: (bytes) => reader.onReadEnd(bytes),
    });
    const over = await client.closed;
    const isOrderly = over.code === 'FLV_CLOSED' && over.cause === undefined;
    if (!isOrderly) throw over;
  } catch (error) {
    if (!signal.aborted) throw refusalOf(error);
  }
}

function take(tag: FlvTag, reader: PullReader): void {
  const notice = readNotice(tag);
  if (!notice) reader.onTag(tag);
  else if (notice.kind === 'publisher') reader.onPublisher(notice.publisher);
  else if (notice.kind === 'end') reader.onEnd(notice.reason);
}

/** What viewers are told: of the way between two edges they need to know no more. */
function refusalOf(cause: unknown): unknown {
  if (!hasCode(cause) || !cause.code.startsWith('FLV_')) return cause;
  if (hasCode(cause, 'FLV_REFUSED') && cause.detail === '404')
    return new CodedError(edgeErrors, 'STREAM_UNKNOWN');
  return new CodedError(commonErrors, 'UNAVAILABLE', { cause, retryAfterSeconds: 1 });
}
