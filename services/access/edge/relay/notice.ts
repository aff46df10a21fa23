import { Amf0Reader } from '@gala/media/amf';
import { encodeTag, type FlvTag } from '@gala/media/flv';
import { z } from 'zod';
import { encodeScript, isReserved, type ScriptName } from '../script.ts';

/**
 * What edges say to each other within a relayed stream, as script tags. Publishers cannot send them: their names are
 * left out where a stream comes in.
 */
const publisherName = 'onGalaPublisher';
const endName = 'onGalaEnd';
const aliveName = 'onGalaAlive';
const timestampRange = 2 ** 32;

const publisherFields = z.object({
  roomId: z.int().positive(),
  hostName: z.string().max(64),
  isPrivate: z.boolean(),
  holdMs: z.int().nonnegative(),
  epoch: z.int().nonnegative(),
  liveMs: z.number().nonnegative(),
  traceparent: z.string().max(128),
});

const endFields = z.object({ reason: z.string().max(120) });

/** Tags of this publisher follow. */
export type PublisherNotice = z.infer<typeof publisherFields>;

export type Notice =
  | { readonly kind: 'publisher'; readonly publisher: PublisherNotice }
  /** Nothing follows: the stream is over, and not only the connection. */
  | { readonly kind: 'end'; readonly reason: string }
  | { readonly kind: 'alive' };

/** The tag that says it. */
export function encodeNotice(notice: Notice, timestampMs: number): Buffer {
  return encodeTag({ type: 'data', timestampMs: timestampMs % timestampRange, payload: payloadOf(notice) });
}

/** What a tag says to edges; undefined for one that is part of the stream. */
export function readNotice({ type, payload }: FlvTag): Notice | undefined {
  if (type !== 'data' || !isReserved(payload)) return undefined;
  const reader = new Amf0Reader(payload);
  const name = reader.read();
  if (name === publisherName) return { kind: 'publisher', publisher: publisherFields.parse(reader.read()) };
  if (name === endName) return { kind: 'end', ...endFields.parse(reader.read()) };
  // A newer edge may say what we do not know yet.
  return { kind: 'alive' };
}

function payloadOf(notice: Notice): Buffer {
  if (notice.kind === 'publisher') return encodeScript(publisherName, { ...notice.publisher });
  if (notice.kind === 'end') return encodeScript(endName, { reason: notice.reason });
  return encodeScript(aliveName satisfies ScriptName, {});
}
