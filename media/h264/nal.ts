import { MediaError } from '../error/index.ts';

/** NAL unit types that matter to a live stream (ITU-T H.264, table 7-1). */
export const nalType = { slice: 1, idr: 5, sei: 6, sps: 7, pps: 8, accessUnitDelimiter: 9 } as const;

/** Bytes of the length in front of each NAL unit, as the decoder record says. */
export type NalLengthBytes = 1 | 2 | 4;

const START_CODE = Buffer.from([0, 0, 0, 1]);

/** Type of a NAL unit, from its first byte. */
export function nalTypeOf(nal: Buffer): number {
  return nal[0] & 0x1f;
}

/** True if other pictures refer to this NAL unit; nothing is lost to them when it is dropped otherwise. */
export function isReference(nal: Buffer): boolean {
  return (nal[0] & 0x60) !== 0;
}

/**
 * The NAL units of an AVCC access unit, without copying. Empty units are left out.
 * Errors: `AVC_NAL_INVALID` when the lengths do not add up.
 */
export function* avccNals(accessUnit: Buffer, nalLengthBytes: NalLengthBytes): Generator<Buffer> {
  for (let offset = 0; offset < accessUnit.length;) {
    const start = offset + nalLengthBytes;
    if (start > accessUnit.length) throw new MediaError('AVC_NAL_INVALID', 'length');
    const end = start + accessUnit.readUIntBE(offset, nalLengthBytes);
    if (end > accessUnit.length) throw new MediaError('AVC_NAL_INVALID', 'unit');
    if (end > start) yield accessUnit.subarray(start, end);
    offset = end;
  }
}

/** The NAL units of an Annex B byte stream, with start codes of three or four bytes, without copying. */
export function* annexBNals(bytes: Buffer): Generator<Buffer> {
  let start = -1;
  for (let zero = findStartCode(bytes, 0); zero !== -1; zero = findStartCode(bytes, zero + 3)) {
    if (start !== -1) yield* trimmed(bytes, start, zero);
    start = zero + 3;
  }
  if (start !== -1) yield* trimmed(bytes, start, bytes.length);
}

/** Position of the next 00 00 01, or -1. */
function findStartCode(bytes: Buffer, from: number): number {
  for (let one = bytes.indexOf(1, from + 2); one !== -1; one = bytes.indexOf(1, one + 1)) {
    if (bytes[one - 1] === 0 && bytes[one - 2] === 0) return one - 2;
  }
  return -1;
}

/** A NAL unit never ends with zeros: those behind it are the start of a longer start code or filling. */
function* trimmed(bytes: Buffer, start: number, end: number): Generator<Buffer> {
  let last = end;
  while (last > start && bytes[last - 1] === 0) last -= 1;
  if (last > start) yield bytes.subarray(start, last);
}

/** Puts a length in front of each NAL unit. Errors: `AVC_NAL_INVALID` if one is too long for the length. */
export function toAvcc(nals: Iterable<Buffer>, nalLengthBytes: NalLengthBytes = 4): Buffer {
  const parts: Buffer[] = [];
  for (const nal of nals) {
    if (nal.length >= 2 ** (8 * nalLengthBytes)) throw new MediaError('AVC_NAL_INVALID', 'too long');
    const length = Buffer.alloc(nalLengthBytes);
    length.writeUIntBE(nal.length, 0, nalLengthBytes);
    parts.push(length, nal);
  }
  return Buffer.concat(parts);
}

/** Puts a four-byte start code in front of each NAL unit. */
export function toAnnexB(nals: Iterable<Buffer>): Buffer {
  const parts: Buffer[] = [];
  for (const nal of nals) parts.push(START_CODE, nal);
  return Buffer.concat(parts);
}

/** The payload of a NAL unit without emulation prevention bytes (ITU-T H.264, 7.4.1.1). */
export function removeEmulationPrevention(nal: Buffer): Buffer {
  const target = Buffer.allocUnsafe(nal.length);
  let size = 0;
  let zeros = 0;
  for (const byte of nal) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    target[size] = byte;
    size += 1;
  }
  return target.subarray(0, size);
}

/** Adds emulation prevention bytes to a payload, the reverse of `removeEmulationPrevention`. */
export function addEmulationPrevention(payload: Buffer): Buffer {
  const target: number[] = [];
  let zeros = 0;
  for (const byte of payload) {
    if (zeros >= 2 && byte <= 3) {
      target.push(3);
      zeros = 0;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    target.push(byte);
  }
  return Buffer.from(target);
}
