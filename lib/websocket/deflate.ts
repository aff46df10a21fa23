import { constants, deflateRawSync } from 'node:zlib';
import { extension } from 'ws';
import { compressed, encodeFrame, frameHeadroom, writeFrameHeader, type Opcode } from './frame.ts';

/** From here on a message goes out as it is: compressing more at once would hold up the loop (64 KiB take 2 ms). */
const deflateBytesMax = 65_536;
/** Below, the block header and the cost of decompressing outweigh what is saved. */
const deflateBytesMin = 64;
/** Every compressed message ends with it, and it is not sent (RFC 7692, 7.2.1). */
const tailBytes = 4;

/**
 * What the server answers who offers compression, always the same: neither side keeps a context between messages,
 * so that one compressed frame serves all, and a connection costs no memory for it (RFC 7692, 7.1.1).
 */
export const deflateAnswer = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';

type Parameters = Readonly<Record<string, readonly (string | true)[]>>;

/**
 * True when the client offers compression in a form that shared frames can keep to: a smaller window for the
 * server is none. Offers that are not valid are declined (RFC 7692, 7.1).
 * @throws SyntaxError for a header that is none (RFC 6455, 9.1)
 */
export function offersDeflate(header: string): boolean {
  const offers = extension.parse(header)['permessage-deflate'] ?? [];
  return offers.some(canAccept);
}

function canAccept(offer: Parameters): boolean {
  return Object.entries(offer).every(([name, values]) => values.length === 1 && isKept(name, values[0]));
}

function isKept(name: string, value: string | true): boolean {
  if (name === 'server_no_context_takeover' || name === 'client_no_context_takeover') return value === true;
  if (name === 'server_max_window_bits') return value === '15';
  return name === 'client_max_window_bits' && (value === true || /^([89]|1[0-5])$/.test(value));
}

/**
 * One message as one compressed frame for all who negotiated it. A message that is too small, too large or does
 * not get smaller is framed as it is, which they take as well.
 */
export function encodeDeflatedFrame(payload: Uint8Array, opcode: Opcode): Buffer {
  if (payload.length < deflateBytesMin || payload.length > deflateBytesMax)
    return encodeFrame(payload, opcode);
  const deflated = deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH });
  const size = deflated.length - tailBytes;
  if (size >= payload.length) return encodeFrame(payload, opcode);
  const bytes = Buffer.allocUnsafeSlow(frameHeadroom + size);
  deflated.copy(bytes, frameHeadroom, 0, size);
  return bytes.subarray(writeFrameHeader(bytes, size, compressed | opcode));
}
