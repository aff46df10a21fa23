import { MediaError } from '../error/index.ts';
import { readExtendedHeader } from './four-cc.ts';

/** Codecs by name, whether a sender names them by legacy id or by FourCC. */
export type VideoCodec =
  | 'h263'
  | 'screen'
  | 'vp6'
  | 'vp6a'
  | 'screen2'
  | 'h264'
  | 'hevc'
  | 'vp8'
  | 'vp9'
  | 'av1'
  | 'vvc'
  | 'unknown';

export type VideoFrameType = 'key' | 'inter' | 'disposable' | 'generated' | 'command' | 'unknown';

/** What the first bytes of a video tag body say. */
export interface VideoTag {
  codec: VideoCodec;
  frameType: VideoFrameType;
  /** True for a coded key frame: not for sequence headers, which senders mark as key frames too. */
  isKeyFrame: boolean;
  isSequenceHeader: boolean;
  isEndOfSequence: boolean;
  /** True if the tag carries coded pictures. */
  isCoded: boolean;
  /** True for the enhanced (FourCC) form. */
  isEnhanced: boolean;
  /** True if several tracks share the tag; `dataOffset` is then that of the first track. */
  isMultitrack: boolean;
  /** Presentation minus decoding time in ms, signed 24 bit; 0 if the form has none. */
  compositionTimeMs: number;
  /** Offset of the codec's own bytes in the body. */
  dataOffset: number;
}

const frameTypes: VideoFrameType[] = ['unknown', 'key', 'inter', 'disposable', 'generated', 'command'];
/** Ids 12 and 13 are what some senders used for HEVC and AV1 before there were FourCCs. */
const legacyCodecs = new Map<number, VideoCodec>([
  [2, 'h263'],
  [3, 'screen'],
  [4, 'vp6'],
  [5, 'vp6a'],
  [6, 'screen2'],
  [7, 'h264'],
  [12, 'hevc'],
  [13, 'av1'],
]);
const fourCcCodecs = new Map<string, VideoCodec>([
  ['avc1', 'h264'],
  ['hvc1', 'hevc'],
  ['vp08', 'vp8'],
  ['vp09', 'vp9'],
  ['av01', 'av1'],
  ['vvc1', 'vvc'],
]);
const PACKETED_CODECS = new Set<VideoCodec>(['h264', 'hevc', 'av1']);
/** Codecs whose enhanced CodedFrames packet carries a composition time. */
const COMPOSED_CODECS = new Set<VideoCodec>(['h264', 'hevc', 'vvc']);
const packet = { sequenceStart: 0, codedFrames: 1, sequenceEnd: 2, codedFramesX: 3 } as const;
const UNKNOWN_PACKET = -1;
const LEGACY_HEADER_BYTES = 5;
const COMPOSITION_BYTES = 3;

/** Reads the header of a video tag body (Adobe FLV 10.1, E.4.3; Enhanced RTMP v2). Errors: `FLV_TRUNCATED`. */
export function parseVideoTag(payload: Buffer): VideoTag {
  if (payload.length === 0) throw new MediaError('FLV_TRUNCATED');
  return (payload[0] & 0x80) === 0 ? parseLegacy(payload) : parseEnhanced(payload);
}

function frameTypeOf(bits: number): VideoFrameType {
  return frameTypes[bits] ?? 'unknown';
}

function parseLegacy(payload: Buffer): VideoTag {
  const frameType = frameTypeOf((payload[0] >>> 4) & 7);
  const codec = legacyCodecs.get(payload[0] & 0x0f) ?? 'unknown';
  if (!PACKETED_CODECS.has(codec) || frameType === 'command') {
    return describe({ codec, frameType, packetType: packet.codedFramesX, dataOffset: 1 });
  }
  if (payload.length < LEGACY_HEADER_BYTES) throw new MediaError('FLV_TRUNCATED');
  return describe({
    codec,
    frameType,
    packetType: payload[1] <= packet.sequenceEnd ? payload[1] : UNKNOWN_PACKET,
    dataOffset: LEGACY_HEADER_BYTES,
    compositionTimeMs: payload.readIntBE(2, 3),
  });
}

function parseEnhanced(payload: Buffer): VideoTag {
  const frameType = frameTypeOf((payload[0] >>> 4) & 7);
  if (frameType === 'command') {
    return {
      ...describe({ codec: 'unknown', frameType, packetType: UNKNOWN_PACKET, dataOffset: 1 }),
      isEnhanced: true,
    };
  }
  const header = readExtendedHeader(payload, 'video');
  const codec = fourCcCodecs.get(header.fourCc) ?? 'unknown';
  const { packetType, isMultitrack } = header;
  let { dataOffset } = header;
  let compositionTimeMs = 0;
  if (packetType === packet.codedFrames && COMPOSED_CODECS.has(codec) && !isMultitrack) {
    if (payload.length - dataOffset < COMPOSITION_BYTES) throw new MediaError('FLV_TRUNCATED');
    compositionTimeMs = payload.readIntBE(dataOffset, COMPOSITION_BYTES);
    dataOffset += COMPOSITION_BYTES;
  }
  const tag = describe({ codec, frameType, packetType, dataOffset, compositionTimeMs });
  return { ...tag, isEnhanced: true, isMultitrack };
}

function describe(fields: {
  codec: VideoCodec;
  frameType: VideoFrameType;
  packetType: number;
  dataOffset: number;
  compositionTimeMs?: number;
}): VideoTag {
  const { codec, frameType, packetType, dataOffset, compositionTimeMs = 0 } = fields;
  const isCoded =
    frameType !== 'command' && (packetType === packet.codedFrames || packetType === packet.codedFramesX);
  return {
    codec,
    frameType,
    isKeyFrame: isCoded && (frameType === 'key' || frameType === 'generated'),
    isSequenceHeader: packetType === packet.sequenceStart,
    isEndOfSequence: packetType === packet.sequenceEnd,
    isCoded,
    isEnhanced: false,
    isMultitrack: false,
    compositionTimeMs: isCoded ? compositionTimeMs : 0,
    dataOffset,
  };
}
