import { BitReader } from '../bytes/index.ts';
import { Mp4Error } from './errors.ts';

const RECORD_BYTES = 8;
const FULL_BOX_BYTES = 4;
const SYNC_CODE = 0x498342;
const COLOR_SPACE_RGB = 7;

/** A VPCodecConfigurationRecord; some senders put version and flags of its box in front. */
export function vp9Record(bytes: Buffer): Buffer {
  const isBare = bytes.length >= RECORD_BYTES && bytes.readUInt16BE(6) === bytes.length - RECORD_BYTES;
  if (isBare) return bytes;
  const record = bytes.subarray(FULL_BOX_BYTES);
  if (record.length < RECORD_BYTES) throw new Mp4Error('CODEC_CONFIG_INVALID', 'vpcC too short');
  return record;
}

/** Picture size of a key frame (VP9 Bitstream specification, 6.2); undefined for other frames. */
export function vp9Size(frame: Buffer): { width: number; height: number } | undefined {
  const bits = new BitReader(frame.subarray(0, 32));
  if (bits.bits(2) !== 2) return undefined;
  const profile = bits.bits(1) + 2 * bits.bits(1);
  if (profile === 3) bits.skip(1);
  const isRepeat = bits.flag();
  const isInter = isRepeat || bits.flag();
  if (isInter) return undefined;
  bits.skip(2);
  if (bits.bits(24) !== SYNC_CODE) return undefined;
  skipColor(bits, profile);
  return { width: bits.bits(16) + 1, height: bits.bits(16) + 1 };
}

function skipColor(bits: BitReader, profile: number): void {
  const hasSubsampling = profile === 1 || profile === 3;
  if (profile >= 2) bits.skip(1);
  if (bits.bits(3) === COLOR_SPACE_RGB) bits.skip(hasSubsampling ? 1 : 0);
  else bits.skip(hasSubsampling ? 4 : 1);
}

/** `vp09.00.10.08` (VP Codec ISO Media File Format Binding). */
export function vp9CodecString(record: Buffer): string {
  const fields = [record[0], record[1], record[2] >>> 4];
  return `vp09.${fields.map((field) => String(field).padStart(2, '0')).join('.')}`;
}
