/** Of messages (RFC 6455, 5.2). */
export const opcodes = { text: 1, binary: 2 } as const;
export type Opcode = (typeof opcodes)[keyof typeof opcodes];

/** Room that the largest header of a server's frame takes: servers do not mask. */
export const frameHeadroom = 10;

const closeOpcode = 8;
const pingOpcode = 9;
const pongOpcode = 10;
const final = 0x80;
/** First reserved bit: the message is compressed (RFC 7692, 6). */
export const compressed = 0x40;
const controlBytesMax = 125;

/**
 * One message as one frame, to be written to any number of connections. It takes memory of its own: a slice of
 * the shared pool would pin 8 KiB for as long as one slow reader needs it.
 */
export function encodeFrame(payload: Uint8Array, opcode: Opcode): Buffer {
  const bytes = Buffer.allocUnsafeSlow(frameHeadroom + payload.length);
  bytes.set(payload, frameHeadroom);
  return bytes.subarray(writeFrameHeader(bytes, payload.length, opcode));
}

/**
 * Writes the header of a frame into the `frameHeadroom` bytes at the beginning of `bytes`, so that it ends where
 * the payload begins; answers where it begins.
 */
export function writeFrameHeader(bytes: Buffer, payloadBytes: number, flags: number): number {
  if (payloadBytes < 126) {
    bytes[frameHeadroom - 2] = final | flags;
    bytes[frameHeadroom - 1] = payloadBytes;
    return frameHeadroom - 2;
  }
  if (payloadBytes < 65_536) {
    bytes[frameHeadroom - 4] = final | flags;
    bytes[frameHeadroom - 3] = 126;
    bytes.writeUInt16BE(payloadBytes, frameHeadroom - 2);
    return frameHeadroom - 4;
  }
  bytes[0] = final | flags;
  bytes[1] = 127;
  bytes.writeUInt32BE(Math.floor(payloadBytes / 2 ** 32), 2);
  bytes.writeUInt32BE(payloadBytes % 2 ** 32, 6);
  return 0;
}

/** @param data at most 125 bytes */
export function pingFrame(data: Uint8Array): Buffer {
  return controlFrame(pingOpcode, data);
}

/** @param data at most 125 bytes */
export function pongFrame(data: Uint8Array): Buffer {
  return controlFrame(pongOpcode, data);
}

/**
 * @param code 1005 makes a frame without status: it never goes on the wire (RFC 6455, 7.4.1)
 * @param reason cut at a whole character where it would not fit
 */
export function closeFrame(code: number, reason = ''): Buffer {
  if (code === 1005) return controlFrame(closeOpcode, Buffer.alloc(0));
  const payload = Buffer.alloc(controlBytesMax);
  payload.writeUInt16BE(code);
  const { written } = new TextEncoder().encodeInto(reason, payload.subarray(2));
  return controlFrame(closeOpcode, payload.subarray(0, 2 + written));
}

function controlFrame(opcode: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafeSlow(2 + payload.length);
  bytes[0] = final | opcode;
  bytes[1] = payload.length;
  bytes.set(payload, 2);
  return bytes;
}
