import { Mp4Error } from './errors.ts';

const MAGIC = 'fLaC';
const STREAM_INFO_BYTES = 34;
const BLOCK_HEADER_BYTES = 4;
const LAST_BLOCK = 0x80;

/** The STREAMINFO block of a stream. */
export interface FlacInfo {
  /** Metadata block with its header, marked as the last: the body of `dfLa`. */
  record: Buffer;
  samplingRateHz: number;
  channels: number;
}

/** Reads the set-up of FLAC (RFC 9639, 8): with or without the stream marker, or STREAMINFO alone. */
export function flacInfo(bytes: Buffer): FlacInfo {
  const isMarked = bytes.toString('latin1', 0, MAGIC.length) === MAGIC;
  const blocks = isMarked ? bytes.subarray(MAGIC.length) : bytes;
  const start = blocks.length === STREAM_INFO_BYTES ? 0 : BLOCK_HEADER_BYTES;
  const info = blocks.subarray(start, start + STREAM_INFO_BYTES);
  if (info.length < STREAM_INFO_BYTES) throw new Mp4Error('CODEC_CONFIG_INVALID', 'STREAMINFO too short');
  const samplingRateHz = info.readUIntBE(10, 3) >>> 4;
  if (samplingRateHz === 0) throw new Mp4Error('CODEC_CONFIG_INVALID', 'FLAC sampling rate');
  const record = Buffer.concat([Buffer.from([LAST_BLOCK, 0, 0, STREAM_INFO_BYTES]), info]);
  return { record, samplingRateHz, channels: ((info[12] >>> 1) & 7) + 1 };
}

/** Samples per channel in a frame, from its header (RFC 9639, 9.1). */
export function flacFrameSamples(frame: Buffer): number {
  const isFrame = frame.length >= 6 && frame[0] === 0xff && (frame[1] & 0xfe) === 0xf8;
  if (!isFrame) throw new Mp4Error('CODEC_CONFIG_INVALID', 'FLAC frame header');
  const code = frame[2] >>> 4;
  if (code === 0) throw new Mp4Error('CODEC_CONFIG_INVALID', 'FLAC block size');
  if (code === 1) return 192;
  if (code < 6) return 576 << (code - 2);
  if (code >= 8) return 256 << (code - 8);
  const offset = 4 + codedNumberBytes(frame[4]);
  const bytes = code - 5;
  if (offset + bytes > frame.length) throw new Mp4Error('CODEC_CONFIG_INVALID', 'FLAC frame header');
  return frame.readUIntBE(offset, bytes) + 1;
}

/** Length of a number that is coded like UTF-8. */
function codedNumberBytes(first: number): number {
  return first < 0x80 ? 1 : Math.max(1, Math.clz32(~(first << 24)));
}
