import { MediaError } from '../error/index.ts';
import { nalType, nalTypeOf, type NalLengthBytes } from './nal.ts';
import { parseAvcSps } from './sps.ts';

const VERSION = 1;
const HEADER_BYTES = 6;
const PARAMETER_SETS_MAX = 31;
/** Profiles whose record ends with chroma format and bit depths. */
const HIGH_PROFILES = [100, 110, 122, 144];

/** An AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1), the body of an AVC sequence header. */
export interface AvcDecoderRecord {
  profile: number;
  compatibility: number;
  level: number;
  nalLengthBytes: NalLengthBytes;
  /** Sequence parameter sets as NAL units. */
  sps: Buffer[];
  /** Picture parameter sets as NAL units. */
  pps: Buffer[];
  /** Chroma format, bit depths and SPS extensions of the high profiles, kept as they are. */
  extension: Buffer;
}

/** Reads a record. Errors: `AVC_RECORD_INVALID`. */
export function parseAvcDecoderRecord(bytes: Buffer): AvcDecoderRecord {
  if (bytes.length < HEADER_BYTES + 1) throw new MediaError('AVC_RECORD_INVALID', 'too short');
  if (bytes[0] !== VERSION) throw new MediaError('AVC_RECORD_INVALID', `version ${bytes[0]}`);
  const nalLengthBytes = (bytes[4] & 3) + 1;
  if (nalLengthBytes === 3) throw new MediaError('AVC_RECORD_INVALID', 'length size 3');
  const sps = readSets(bytes, HEADER_BYTES, bytes[5] & 0x1f);
  if (sps.end >= bytes.length) throw new MediaError('AVC_RECORD_INVALID', 'no PPS count');
  const pps = readSets(bytes, sps.end + 1, bytes[sps.end]);
  return {
    profile: bytes[1],
    compatibility: bytes[2],
    level: bytes[3],
    nalLengthBytes: nalLengthBytes as NalLengthBytes,
    sps: sps.nals,
    pps: pps.nals,
    extension: bytes.subarray(pps.end),
  };
}

function readSets(bytes: Buffer, start: number, count: number): { nals: Buffer[]; end: number } {
  const nals: Buffer[] = [];
  let offset = start;
  for (let index = 0; index < count; index++) {
    if (offset + 2 > bytes.length) throw new MediaError('AVC_RECORD_INVALID', 'parameter set length');
    const end = offset + 2 + bytes.readUInt16BE(offset);
    if (end > bytes.length) throw new MediaError('AVC_RECORD_INVALID', 'parameter set');
    // An empty set is what some encoders send while their codec starts; it carries nothing.
    if (end > offset + 2) nals.push(bytes.subarray(offset + 2, end));
    offset = end;
  }
  return { nals, end: offset };
}

/** Writes a record; the reverse of `parseAvcDecoderRecord`. */
export function encodeAvcDecoderRecord(record: AvcDecoderRecord): Buffer {
  const { sps, pps } = record;
  if (sps.length > PARAMETER_SETS_MAX || pps.length > 255) throw new RangeError('too many parameter sets');
  return Buffer.concat([
    Buffer.from([VERSION, record.profile, record.compatibility, record.level]),
    Buffer.from([0xfc | (record.nalLengthBytes - 1), 0xe0 | sps.length]),
    ...sps.map(withLength),
    Buffer.from([pps.length]),
    ...pps.map(withLength),
    record.extension,
  ]);
}

function withLength(nal: Buffer): Buffer {
  return Buffer.concat([Buffer.from([nal.length >>> 8, nal.length & 0xff]), nal]);
}

/** Makes a record out of parameter sets alone. Errors: `AVC_RECORD_INVALID`, `AVC_SPS_INVALID`, `BITS_EXHAUSTED`. */
export function createAvcDecoderRecord(
  sps: Buffer[],
  pps: Buffer[],
  nalLengthBytes: NalLengthBytes = 4,
): AvcDecoderRecord {
  const [first] = sps;
  if (first === undefined || first.length < 4 || nalTypeOf(first) !== nalType.sps) {
    throw new MediaError('AVC_RECORD_INVALID', 'no SPS');
  }
  const [, profile, compatibility, level] = first;
  const extension = HIGH_PROFILES.includes(profile) ? highExtension(first) : Buffer.alloc(0);
  return { profile, compatibility, level, nalLengthBytes, sps, pps, extension };
}

function highExtension(sps: Buffer): Buffer {
  const { chromaFormat, bitDepthLuma, bitDepthChroma } = parseAvcSps(sps);
  return Buffer.from([0xfc | chromaFormat, 0xf8 | (bitDepthLuma - 8), 0xf8 | (bitDepthChroma - 8), 0]);
}
