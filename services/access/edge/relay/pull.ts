import { get, type IncomingMessage } from 'node:http';
import { CodedError } from '@gala/lib/error';
import { FlvTagReader, type FlvTag } from '@gala/media/flv';
import { commonErrors, edgeErrors } from '@gala/protocol/errors';
import type { ClusterToken } from './cluster-token.ts';
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
  const response = await open(target);
  const tags = new FlvTagReader();
  try {
    for await (const bytes of response as AsyncIterable<Buffer>) {
      tags.append(bytes);
      for (let tag = tags.next(); tag; tag = tags.next()) take(tag, reader);
      reader.onReadEnd(bytes.length);
    }
  } catch (cause) {
    if (target.signal.aborted) return;
    throw cause instanceof CodedError ? cause : unreachable(cause);
  } finally {
    response.destroy();
  }
}

function take(tag: FlvTag, reader: PullReader): void {
  const notice = readNotice(tag);
  if (!notice) reader.onTag(tag);
  else if (notice.kind === 'publisher') reader.onPublisher(notice.publisher);
  else if (notice.kind === 'end') reader.onEnd(notice.reason);
}

function open({ internalUrl, roomId, token, signal }: PullTarget): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const headers = { authorization: token.authorization };
  const options = { headers, signal, agent: false, timeout: silentMsMax } as const;
  const request = get(`${internalUrl}/relay/${roomId}.flv`, options, (response) => {
    if (response.statusCode === 200) return resolve(response);
    response.destroy();
    reject(refusalOf(response.statusCode));
  });
  request.on('error', (cause) => reject(unreachable(cause)));
  request.on('timeout', () => request.destroy(new CodedError(commonErrors, 'DEADLINE_EXCEEDED')));
  request.on('socket', (socket) => socket.setNoDelay(true));
  return promise;
}

function refusalOf(status: number | undefined): CodedError {
  if (status === 404) return new CodedError(edgeErrors, 'STREAM_UNKNOWN');
  return new CodedError(commonErrors, 'UNAVAILABLE', { detail: `the owner answered ${status}` });
}

function unreachable(cause: unknown): CodedError {
  return new CodedError(commonErrors, 'UNAVAILABLE', { cause, retryAfterSeconds: 1 });
}
