import { wrap33 } from './packet-writer.ts';

const streamId = { video: 0xe0, audio: 0xc0 } as const;
const FIXED_BYTES = 9;
const STAMP_BYTES = 5;
const LENGTH_MAX = 0xffff;
/** Bytes up to the length field and the field itself, which it does not count. */
const UNCOUNTED_BYTES = 6;
const marker = { onlyPts: 2, ptsOfTwo: 3, dtsOfTwo: 1 } as const;

/** One PES packet; times in ticks of 90 kHz, of any size. */
export interface PesPacket {
  readonly kind: 'video' | 'audio';
  readonly ptsTicks: number;
  readonly dtsTicks: number;
  readonly payload: Buffer;
}

/** Writes a PES packet with PTS, and DTS if it differs (ISO/IEC 13818-1, 2.4.3.6). */
export function encodePes({ kind, ptsTicks, dtsTicks, payload }: PesPacket): Buffer {
  const hasDts = ptsTicks !== dtsTicks;
  const stampBytes = hasDts ? 2 * STAMP_BYTES : STAMP_BYTES;
  const header = Buffer.alloc(FIXED_BYTES + stampBytes);
  header.writeUInt32BE(0x00000100 | streamId[kind], 0);
  const lengthBytes = header.length - UNCOUNTED_BYTES + payload.length;
  // Only video may leave its length open.
  if (kind === 'audio' && lengthBytes > LENGTH_MAX) throw new RangeError('sound of a PES packet is limited');
  header.writeUInt16BE(kind === 'audio' ? lengthBytes : 0, 4);
  // Data alignment: a coded picture or frame of sound begins here.
  header[6] = 0x84;
  header[7] = hasDts ? 0xc0 : 0x80;
  header[8] = stampBytes;
  writeStamp(header, FIXED_BYTES, { ticks: ptsTicks, prefix: hasDts ? marker.ptsOfTwo : marker.onlyPts });
  if (hasDts) writeStamp(header, FIXED_BYTES + STAMP_BYTES, { ticks: dtsTicks, prefix: marker.dtsOfTwo });
  return Buffer.concat([header, payload]);
}

function writeStamp(bytes: Buffer, offset: number, stamp: { ticks: number; prefix: number }): void {
  const ticks = wrap33(stamp.ticks);
  const high = Math.floor(ticks / 2 ** 30);
  bytes[offset] = (stamp.prefix << 4) | (high << 1) | 1;
  bytes.writeUInt16BE((Math.floor(ticks / 2 ** 14) & 0xfffe) | 1, offset + 1);
  bytes.writeUInt16BE(((ticks & 0x7fff) << 1) | 1, offset + 3);
}
