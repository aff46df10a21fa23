import { MediaError } from '../error/index.ts';
import type { RtmpMessage } from './message.ts';

const TAG_HEADER_BYTES = 11;
const TRAILER_BYTES = 4;

/**
 * Splits an aggregate message into the messages inside (RTMP 1.0, section 7.1.6). Their timestamps are moved so
 * that the first has the timestamp of the aggregate. Errors: `RTMP_MESSAGE_INVALID`.
 */
export function* splitAggregate(aggregate: RtmpMessage): Generator<RtmpMessage> {
  const { payload } = aggregate;
  let firstMs: number | undefined;
  for (let offset = 0; offset < payload.length;) {
    if (payload.length - offset < TAG_HEADER_BYTES) throw new MediaError('RTMP_MESSAGE_INVALID', 'aggregate');
    const start = offset + TAG_HEADER_BYTES;
    const end = start + payload.readUIntBE(offset + 1, 3);
    if (end > payload.length) throw new MediaError('RTMP_MESSAGE_INVALID', 'aggregate');
    const timestampMs = payload.readUIntBE(offset + 4, 3) + payload[offset + 7] * 2 ** 24;
    firstMs ??= timestampMs;
    yield {
      chunkStreamId: aggregate.chunkStreamId,
      typeId: payload[offset],
      streamId: aggregate.streamId,
      timestampMs: (aggregate.timestampMs + timestampMs - firstMs) >>> 0,
      payload: payload.subarray(start, end),
    };
    offset = end + TRAILER_BYTES;
  }
}
