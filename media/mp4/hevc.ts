import { BitReader } from '../bytes/index.ts';
import { removeEmulationPrevention } from '../h264/index.ts';
import { Mp4Error } from './errors.ts';

const RECORD_HEADER_BYTES = 22;
const SPS_TYPE = 33;
const NAL_HEADER_BYTES = 2;
const PROFILE_BITS = 88;
const LEVEL_BITS = 8;
const SUB_LAYERS_MAX = 8;

interface Size {
  width: number;
  height: number;
}

/** Picture size that an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1) tells by its first SPS. */
export function hevcSize(record: Buffer): Size {
  const sps = firstSps(record);
  const bits = new BitReader(removeEmulationPrevention(sps.subarray(NAL_HEADER_BYTES)));
  bits.skip(4);
  const subLayers = bits.bits(3);
  bits.skip(1);
  skipProfileTierLevel(bits, subLayers);
  bits.unsignedExpGolomb();
  const chroma = bits.unsignedExpGolomb();
  if (chroma === 3) bits.skip(1);
  const width = bits.unsignedExpGolomb();
  const height = bits.unsignedExpGolomb();
  const crop = bits.flag() ? Array.from({ length: 4 }, () => bits.unsignedExpGolomb()) : [0, 0, 0, 0];
  const unitX = chroma === 1 || chroma === 2 ? 2 : 1;
  const unitY = chroma === 1 ? 2 : 1;
  return { width: width - unitX * (crop[0] + crop[1]), height: height - unitY * (crop[2] + crop[3]) };
}

function firstSps(record: Buffer): Buffer {
  if (record.length <= RECORD_HEADER_BYTES) throw new Mp4Error('CODEC_CONFIG_INVALID', 'hvcC too short');
  const arrays = record[RECORD_HEADER_BYTES];
  let offset = RECORD_HEADER_BYTES + 1;
  for (let array = 0; array < arrays; array++) {
    if (offset + 3 > record.length) break;
    const type = record[offset] & 0x3f;
    const nals = record.readUInt16BE(offset + 1);
    offset += 3;
    for (let nal = 0; nal < nals && offset + 2 <= record.length; nal++) {
      const end = offset + 2 + record.readUInt16BE(offset);
      if (type === SPS_TYPE && end <= record.length) return record.subarray(offset + 2, end);
      offset = end;
    }
  }
  throw new Mp4Error('CODEC_CONFIG_INVALID', 'hvcC without SPS');
}

/** ITU-T H.265, 7.3.3. */
function skipProfileTierLevel(bits: BitReader, subLayers: number): void {
  bits.skip(PROFILE_BITS + LEVEL_BITS);
  let present = 0;
  for (let layer = 0; layer < subLayers; layer++) {
    if (bits.flag()) present += PROFILE_BITS;
    if (bits.flag()) present += LEVEL_BITS;
  }
  if (subLayers > 0) bits.skip(2 * (SUB_LAYERS_MAX - subLayers));
  bits.skip(present);
}

/** `hvc1.1.6.L93.B0` (ISO/IEC 14496-15, annex E.3). */
export function hevcCodecString(record: Buffer): string {
  if (record.length < 13) throw new Mp4Error('CODEC_CONFIG_INVALID', 'hvcC too short');
  const space = ['', 'A', 'B', 'C'][record[1] >>> 6];
  const tier = (record[1] & 0x20) === 0 ? 'L' : 'H';
  const compatibility = reversed32(record.readUInt32BE(2)).toString(16).toUpperCase();
  const constraints = [...record.subarray(6, 12)];
  while (constraints.at(-1) === 0) constraints.pop();
  const parts = [
    `hvc1.${space}${record[1] & 0x1f}`,
    compatibility,
    `${tier}${record[12]}`,
    ...constraints.map((byte) => byte.toString(16).toUpperCase()),
  ];
  return parts.join('.');
}

function reversed32(value: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++) reversed = reversed * 2 + ((value >>> bit) & 1);
  return reversed;
}
