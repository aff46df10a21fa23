import { BitReader } from '../bytes/index.ts';
import { Mp4Error } from './errors.ts';

const RECORD_HEADER_BYTES = 4;
const SEQUENCE_HEADER = 1;
const LEVEL_WITH_TIER_MIN = 8;

/** Picture size that an AV1CodecConfigurationRecord tells by its sequence header; undefined if it has none. */
export function av1Size(record: Buffer): { width: number; height: number } | undefined {
  if (record.length < RECORD_HEADER_BYTES) throw new Mp4Error('CODEC_CONFIG_INVALID', 'av1C too short');
  let offset = RECORD_HEADER_BYTES;
  while (offset < record.length) {
    const bits = new BitReader(record.subarray(offset));
    bits.skip(1);
    const type = bits.bits(4);
    const hasExtension = bits.flag();
    const hasSize = bits.flag();
    bits.skip(hasExtension ? 9 : 1);
    const sizeBytes = hasSize ? readLeb128(bits) : bits.bitsLeft / 8;
    if (type === SEQUENCE_HEADER) return readSize(bits);
    offset = record.length - bits.bitsLeft / 8 + sizeBytes;
  }
  return undefined;
}

function readLeb128(bits: BitReader): number {
  let value = 0;
  for (let index = 0; index < 8; index++) {
    const more = bits.flag();
    value += bits.bits(7) * 2 ** (7 * index);
    if (!more) return value;
  }
  throw new Mp4Error('CODEC_CONFIG_INVALID', 'leb128');
}

/** AV1 Bitstream specification, 5.5.1. */
function readSize(bits: BitReader): { width: number; height: number } {
  bits.skip(4);
  if (bits.flag()) bits.skip(5);
  else skipOperatingPoints(bits);
  const widthBits = bits.bits(4) + 1;
  const heightBits = bits.bits(4) + 1;
  return { width: bits.bits(widthBits) + 1, height: bits.bits(heightBits) + 1 };
}

function skipOperatingPoints(bits: BitReader): void {
  let delayBits = 0;
  if (bits.flag()) {
    bits.skip(64);
    if (bits.flag()) bits.unsignedExpGolomb();
    if (bits.flag()) {
      delayBits = bits.bits(5) + 1;
      bits.skip(42);
    }
  }
  const hasDisplayDelay = bits.flag();
  const points = bits.bits(5) + 1;
  for (let point = 0; point < points; point++) {
    bits.skip(12);
    if (bits.bits(5) >= LEVEL_WITH_TIER_MIN) bits.skip(1);
    if (delayBits > 0 && bits.flag()) bits.skip(2 * delayBits + 1);
    if (hasDisplayDelay && bits.flag()) bits.skip(4);
  }
}

/** `av01.0.04M.08` (AV1 in ISOBMFF, section 5). */
export function av1CodecString(record: Buffer): string {
  if (record.length < RECORD_HEADER_BYTES) throw new Mp4Error('CODEC_CONFIG_INVALID', 'av1C too short');
  const profile = record[1] >>> 5;
  const level = String(record[1] & 0x1f).padStart(2, '0');
  const tier = (record[2] & 0x80) === 0 ? 'M' : 'H';
  const isHigh = (record[2] & 0x40) !== 0;
  const isTwelve = (record[2] & 0x20) !== 0;
  const depth = isHigh ? (isTwelve ? '12' : '10') : '08';
  return `av01.${profile}.${level}${tier}.${depth}`;
}
