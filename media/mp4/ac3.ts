import { BitReader, BitWriter } from '../bytes/index.ts';
import { Mp4Error } from './errors.ts';

const SYNC_WORD = 0x0b77;
const RATES_HZ = [48_000, 44_100, 32_000];
/** Full channels by audio coding mode (ATSC A/52, table 5.8). */
const CHANNELS = [2, 1, 2, 3, 3, 4, 4, 5];
const BLOCKS = [1, 2, 3, 6];
const BLOCK_SAMPLES = 256;
const AC3_BLOCKS = 6;
const INDEPENDENT_STREAM = 0;

/** What a sync frame says about its stream. */
export interface Ac3Info {
  /** Body of `dac3` or `dec3` (ETSI TS 102 366, annex F). */
  record: Buffer;
  samplingRateHz: number;
  channels: number;
}

/** Reads the first frame of AC-3, which has no sequence header. */
export function ac3Info(frame: Buffer): Ac3Info {
  const bits = syncFrame(frame);
  bits.skip(16);
  const rateCode = bits.bits(2);
  const sizeCode = bits.bits(6);
  const bsid = bits.bits(5);
  const bsmod = bits.bits(3);
  const mode = bits.bits(3);
  if ((mode & 1) === 1 && mode !== 1) bits.skip(2);
  if ((mode & 4) !== 0) bits.skip(2);
  if (mode === 2) bits.skip(2);
  const lfe = bits.bits(1);
  const record = new BitWriter().bits(2, rateCode).bits(5, bsid).bits(3, bsmod).bits(3, mode);
  record
    .bits(1, lfe)
    .bits(5, sizeCode >>> 1)
    .bits(5, 0);
  return { record: record.toBuffer(), samplingRateHz: rateOf(rateCode), channels: CHANNELS[mode] + lfe };
}

/** Reads the first frame of E-AC-3 with one independent substream. */
export function eac3Info(frame: Buffer): Ac3Info {
  const { rateCode, sizeBytes, blocks, mode, lfe, bsid } = eac3Header(frame);
  const samplingRateHz = rateOf(rateCode);
  const kilobits = Math.round((sizeBytes * 8 * samplingRateHz) / (blocks * BLOCK_SAMPLES * 1000));
  const record = new BitWriter().bits(13, kilobits).bits(3, 0).bits(2, rateCode).bits(5, bsid);
  record.bits(5, 0).bits(3, mode).bits(1, lfe).bits(3, 0).bits(4, 0).bits(1, 0);
  return { record: record.toBuffer(), samplingRateHz, channels: CHANNELS[mode] + lfe };
}

/** Samples in a packet of one or more AC-3 frames' worth; AC-3 has six blocks in every frame. */
export const ac3FrameSamples = AC3_BLOCKS * BLOCK_SAMPLES;

/** Samples in a packet of E-AC-3: the sum over its independent frames. */
export function eac3PacketSamples(packet: Buffer): number {
  let samples = 0;
  for (let offset = 0; offset < packet.length;) {
    const { streamType, sizeBytes, blocks } = eac3Header(packet.subarray(offset));
    if (streamType === INDEPENDENT_STREAM) samples += blocks * BLOCK_SAMPLES;
    offset += sizeBytes;
  }
  return samples;
}

function eac3Header(frame: Buffer) {
  const bits = syncFrame(frame);
  const streamType = bits.bits(2);
  bits.skip(3);
  const sizeBytes = (bits.bits(11) + 1) * 2;
  const rateCode = bits.bits(2);
  const blocks = BLOCKS[bits.bits(2)];
  const mode = bits.bits(3);
  const lfe = bits.bits(1);
  return { streamType, sizeBytes, rateCode, blocks, mode, lfe, bsid: bits.bits(5) };
}

function syncFrame(frame: Buffer): BitReader {
  const bits = new BitReader(frame.subarray(0, 16));
  if (bits.bits(16) !== SYNC_WORD) throw new Mp4Error('CODEC_CONFIG_INVALID', 'AC-3 sync word');
  return bits;
}

function rateOf(code: number): number {
  const rateHz = RATES_HZ[code];
  if (rateHz === undefined) throw new Mp4Error('CODEC_UNSUPPORTED', 'AC-3 at a reduced sampling rate');
  return rateHz;
}
