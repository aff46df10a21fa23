import { MediaError } from '../error/index.ts';
import { readExtendedHeader } from './four-cc.ts';

/** Codecs by name, whether a sender names them by legacy id or by FourCC. */
export type AudioCodec =
  | 'pcm'
  | 'adpcm'
  | 'mp3'
  | 'nellymoser'
  | 'g711'
  | 'aac'
  | 'speex'
  | 'opus'
  | 'flac'
  | 'ac3'
  | 'eac3'
  | 'unknown';

/** What the first bytes of an audio tag body say. */
export interface AudioTag {
  codec: AudioCodec;
  isSequenceHeader: boolean;
  isEndOfSequence: boolean;
  /** True if the tag carries coded sound. */
  isCoded: boolean;
  /** True for the enhanced (FourCC) form. */
  isEnhanced: boolean;
  /** True if several tracks share the tag; `dataOffset` is then that of the first track. */
  isMultitrack: boolean;
  /** Offset of the codec's own bytes in the body. */
  dataOffset: number;
}

const ENHANCED_FORMAT = 9;
const AAC_FORMAT = 10;
const legacyCodecs = new Map<number, AudioCodec>([
  [0, 'pcm'],
  [1, 'adpcm'],
  [2, 'mp3'],
  [3, 'pcm'],
  [4, 'nellymoser'],
  [5, 'nellymoser'],
  [6, 'nellymoser'],
  [7, 'g711'],
  [8, 'g711'],
  [AAC_FORMAT, 'aac'],
  [11, 'speex'],
  [13, 'opus'],
  [14, 'mp3'],
]);
const fourCcCodecs = new Map<string, AudioCodec>([
  ['mp4a', 'aac'],
  ['Opus', 'opus'],
  ['fLaC', 'flac'],
  ['ac-3', 'ac3'],
  ['ec-3', 'eac3'],
  ['.mp3', 'mp3'],
]);
const packet = { sequenceStart: 0, codedFrames: 1, sequenceEnd: 2 } as const;

/** Reads the header of an audio tag body (Adobe FLV 10.1, E.4.2; Enhanced RTMP v2). Errors: `FLV_TRUNCATED`. */
export function parseAudioTag(payload: Buffer): AudioTag {
  if (payload.length === 0) throw new MediaError('FLV_TRUNCATED');
  const format = payload[0] >>> 4;
  if (format === ENHANCED_FORMAT) return parseEnhanced(payload);
  const isAac = format === AAC_FORMAT;
  if (isAac && payload.length < 2) throw new MediaError('FLV_TRUNCATED');
  const isSequenceHeader = isAac && payload[1] === 0;
  return {
    codec: legacyCodecs.get(format) ?? 'unknown',
    isSequenceHeader,
    isEndOfSequence: false,
    isCoded: !isSequenceHeader,
    isEnhanced: false,
    isMultitrack: false,
    dataOffset: isAac ? 2 : 1,
  };
}

function parseEnhanced(payload: Buffer): AudioTag {
  const { packetType, fourCc, isMultitrack, dataOffset } = readExtendedHeader(payload, 'audio');
  return {
    codec: fourCcCodecs.get(fourCc) ?? 'unknown',
    isSequenceHeader: packetType === packet.sequenceStart,
    isEndOfSequence: packetType === packet.sequenceEnd,
    isCoded: packetType === packet.codedFrames,
    isEnhanced: true,
    isMultitrack,
    dataOffset,
  };
}
