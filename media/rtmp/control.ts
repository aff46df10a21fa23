import { chunkStream, messageType, userControlEvent, type RtmpMessage } from './message.ts';

/** Peer Bandwidth limit type "dynamic" (RTMP 1.0, section 5.4.5). */
const LIMIT_DYNAMIC = 2;

function control(typeId: number, payload: Buffer): RtmpMessage {
  return { chunkStreamId: chunkStream.control, typeId, streamId: 0, timestampMs: 0, payload };
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** Set Chunk Size (RTMP 1.0, section 5.4.1). */
export function setChunkSizeMessage(bytes: number): RtmpMessage {
  return control(messageType.setChunkSize, uint32(bytes));
}

/** Acknowledgement of all bytes received so far; the count wraps at 2^32. */
export function acknowledgementMessage(receivedBytes: number): RtmpMessage {
  return control(messageType.acknowledgement, uint32(receivedBytes % 2 ** 32));
}

/** Window Acknowledgement Size: after how many bytes the peer is to acknowledge. */
export function windowAckSizeMessage(bytes: number): RtmpMessage {
  return control(messageType.windowAckSize, uint32(bytes));
}

/** Set Peer Bandwidth with limit type dynamic. */
export function peerBandwidthMessage(bytes: number): RtmpMessage {
  return control(messageType.setPeerBandwidth, Buffer.concat([uint32(bytes), Buffer.from([LIMIT_DYNAMIC])]));
}

/** A user control event with one 32-bit value: a message stream id or, for pings, a timestamp. */
export function userControlMessage(event: keyof typeof userControlEvent, value: number): RtmpMessage {
  const id = userControlEvent[event];
  return control(messageType.userControl, Buffer.concat([Buffer.from([0, id]), uint32(value)]));
}
