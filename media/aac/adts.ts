import { MediaError } from '../error/index.ts';
import { samplingRates } from './audio-specific-config.ts';

const HEADER_BYTES = 7;
const CRC_BYTES = 2;
const FRAME_BYTES_MAX = 0x1fff;
/** Buffer fullness of a stream with variable bit rate. */
const FULLNESS_VARIABLE = 0x7ff;

/** An ADTS frame header (ISO/IEC 13818-7, 6.2). */
export interface AdtsHeader {
  /** 2 for AAC-LC; ADTS has only types 1 to 4. */
  objectType: number;
  samplingRateHz: number;
  channelConfiguration: number;
  /** 7, or 9 with a checksum. */
  headerBytes: number;
  /** Header and payload. */
  frameBytes: number;
  /** AAC frames inside, nearly always 1. */
  rawBlocks: number;
}

/** Reads the header at `offset`. Errors: `ADTS_INVALID`. */
export function parseAdtsHeader(bytes: Buffer, offset = 0): AdtsHeader {
  if (bytes.length - offset < HEADER_BYTES) throw new MediaError('ADTS_INVALID', 'too short');
  const isSync = bytes[offset] === 0xff && (bytes[offset + 1] & 0xf6) === 0xf0;
  if (!isSync) throw new MediaError('ADTS_INVALID', 'no sync word');
  const headerBytes = (bytes[offset + 1] & 1) === 1 ? HEADER_BYTES : HEADER_BYTES + CRC_BYTES;
  const fields = bytes.readUInt32BE(offset + 2);
  const samplingRateHz = samplingRates[(fields >>> 26) & 15];
  if (samplingRateHz === undefined) throw new MediaError('ADTS_INVALID', 'sampling rate');
  const frameBytes = (bytes.readUIntBE(offset + 3, 3) >>> 5) & FRAME_BYTES_MAX;
  if (frameBytes < headerBytes) throw new MediaError('ADTS_INVALID', 'frame length');
  return {
    objectType: (fields >>> 30) + 1,
    samplingRateHz,
    channelConfiguration: (fields >>> 22) & 7,
    headerBytes,
    frameBytes,
    rawBlocks: (bytes[offset + 6] & 3) + 1,
  };
}

/** Writes the 7-byte header of a frame with `payloadBytes` behind it. */
export function encodeAdtsHeader(header: {
  objectType?: number;
  samplingRateHz: number;
  channelConfiguration: number;
  payloadBytes: number;
}): Buffer {
  const { objectType = 2, samplingRateHz, channelConfiguration } = header;
  const index = samplingRates.findIndex((each) => each === samplingRateHz);
  const frameBytes = header.payloadBytes + HEADER_BYTES;
  if (index === -1) throw new RangeError('ADTS has no such sampling rate');
  if (frameBytes > FRAME_BYTES_MAX) throw new RangeError('ADTS frames are limited to 8,191 bytes');
  return Buffer.from([
    0xff,
    0xf1,
    ((objectType - 1) << 6) | (index << 2) | (channelConfiguration >>> 2),
    ((channelConfiguration & 3) << 6) | (frameBytes >>> 11),
    (frameBytes >>> 3) & 0xff,
    ((frameBytes & 7) << 5) | (FULLNESS_VARIABLE >>> 6),
    (FULLNESS_VARIABLE & 0x3f) << 2,
  ]);
}
