import { BitReader } from '../bytes/index.ts';
import { MediaError } from '../error/index.ts';
import { nalType, nalTypeOf, removeEmulationPrevention } from './nal.ts';

const CHROMA_PROFILES = [44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244];
const ASPECT_RATIO_EXTENDED = 255;
const REF_FRAMES_IN_CYCLE_MAX = 255;
const SIZE_MAX = 16_384;
/** Bytes of an SPS that are looked at; a real one has under 200. */
const SPS_BYTES_MAX = 4096;

/** What a sequence parameter set says about the picture (ITU-T H.264, 7.3.2.1.1). */
export interface AvcSps {
  profile: number;
  compatibility: number;
  level: number;
  /** Picture size in pixels after cropping. */
  width: number;
  height: number;
  /** 1 is 4:2:0, 2 is 4:2:2, 3 is 4:4:4, 0 is monochrome. */
  chromaFormat: number;
  bitDepthLuma: number;
  bitDepthChroma: number;
  isInterlaced: boolean;
  /** Frames per second from the timing information, if it is there. */
  framesPerSecond: number | undefined;
}

/** Reads an SPS NAL unit. Errors: `AVC_SPS_INVALID`, `BITS_EXHAUSTED`. */
export function parseAvcSps(nal: Buffer): AvcSps {
  if (nal.length < 4 || nalTypeOf(nal) !== nalType.sps) throw new MediaError('AVC_SPS_INVALID', 'not an SPS');
  const bits = new BitReader(removeEmulationPrevention(nal.subarray(1, SPS_BYTES_MAX)));
  const profile = bits.bits(8);
  const compatibility = bits.bits(8);
  const level = bits.bits(8);
  bits.unsignedExpGolomb();
  const chroma = CHROMA_PROFILES.includes(profile)
    ? readChroma(bits)
    : { chromaFormat: 1, bitDepthLuma: 8, bitDepthChroma: 8, isSeparate: false };
  bits.unsignedExpGolomb();
  skipPictureOrder(bits);
  bits.unsignedExpGolomb();
  bits.skip(1);
  const size = readSize(bits, chroma.isSeparate ? 0 : chroma.chromaFormat);
  const framesPerSecond = bits.flag() ? readFrameRate(bits) : undefined;
  const { chromaFormat, bitDepthLuma, bitDepthChroma } = chroma;
  return {
    profile,
    compatibility,
    level,
    ...size,
    chromaFormat,
    bitDepthLuma,
    bitDepthChroma,
    framesPerSecond,
  };
}

function readChroma(bits: BitReader) {
  const chromaFormat = bits.unsignedExpGolomb();
  if (chromaFormat > 3) throw new MediaError('AVC_SPS_INVALID', 'chroma format');
  const isSeparate = chromaFormat === 3 && bits.flag();
  const bitDepthLuma = 8 + bits.unsignedExpGolomb();
  const bitDepthChroma = 8 + bits.unsignedExpGolomb();
  if (bitDepthLuma > 14 || bitDepthChroma > 14) throw new MediaError('AVC_SPS_INVALID', 'bit depth');
  bits.skip(1);
  if (bits.flag()) skipScalingLists(bits, chromaFormat === 3 ? 12 : 8);
  return { chromaFormat, bitDepthLuma, bitDepthChroma, isSeparate };
}

function skipScalingLists(bits: BitReader, lists: number): void {
  for (let index = 0; index < lists; index++) {
    if (bits.flag()) skipScalingList(bits, index < 6 ? 16 : 64);
  }
}

function skipScalingList(bits: BitReader, size: number): void {
  let last = 8;
  let next = 8;
  for (let index = 0; index < size && next !== 0; index++) {
    next = (last + bits.signedExpGolomb() + 256) % 256;
    if (next !== 0) last = next;
  }
}

function skipPictureOrder(bits: BitReader): void {
  const type = bits.unsignedExpGolomb();
  if (type === 0) {
    bits.unsignedExpGolomb();
    return;
  }
  if (type !== 1) return;
  bits.skip(1);
  bits.signedExpGolomb();
  bits.signedExpGolomb();
  const cycle = bits.unsignedExpGolomb();
  if (cycle > REF_FRAMES_IN_CYCLE_MAX) throw new MediaError('AVC_SPS_INVALID', 'picture order cycle');
  for (let index = 0; index < cycle; index++) bits.signedExpGolomb();
}

function readSize(bits: BitReader, chromaArray: number) {
  const widthInBlocks = bits.unsignedExpGolomb() + 1;
  const heightInUnits = bits.unsignedExpGolomb() + 1;
  const isFramesOnly = bits.flag();
  if (!isFramesOnly) bits.skip(1);
  bits.skip(1);
  const heightFactor = isFramesOnly ? 1 : 2;
  const crop = bits.flag() ? readCrop(bits) : { left: 0, right: 0, top: 0, bottom: 0 };
  const unitX = chromaArray === 1 || chromaArray === 2 ? 2 : 1;
  const unitY = (chromaArray === 1 ? 2 : 1) * heightFactor;
  const width = widthInBlocks * 16 - (crop.left + crop.right) * unitX;
  const height = heightInUnits * 16 * heightFactor - (crop.top + crop.bottom) * unitY;
  if (width < 1 || height < 1 || width > SIZE_MAX || height > SIZE_MAX) {
    throw new MediaError('AVC_SPS_INVALID', 'picture size');
  }
  return { width, height, isInterlaced: !isFramesOnly };
}

function readCrop(bits: BitReader) {
  const left = bits.unsignedExpGolomb();
  const right = bits.unsignedExpGolomb();
  const top = bits.unsignedExpGolomb();
  const bottom = bits.unsignedExpGolomb();
  return { left, right, top, bottom };
}

/** Reads the VUI parameters up to the timing information (ITU-T H.264, E.1.1). */
function readFrameRate(bits: BitReader): number | undefined {
  if (bits.flag() && bits.bits(8) === ASPECT_RATIO_EXTENDED) bits.skip(32);
  if (bits.flag()) bits.skip(1);
  if (bits.flag()) {
    bits.skip(4);
    if (bits.flag()) bits.skip(24);
  }
  if (bits.flag()) {
    bits.unsignedExpGolomb();
    bits.unsignedExpGolomb();
  }
  if (!bits.flag()) return undefined;
  const unitsInTick = bits.bits(32);
  const timeScale = bits.bits(32);
  // A tick is a field, so a frame lasts two.
  return unitsInTick === 0 || timeScale === 0 ? undefined : timeScale / (2 * unitsInTick);
}
