import { parseAudioTag, parseVideoTag, type AudioCodec, type FlvTag, type VideoCodec } from '../flv/index.ts';
import { codecString } from './codec-string.ts';
import { vp9Record } from './vp9.ts';

type SetUpCodec = 'h264' | 'hevc' | 'av1' | 'vp9' | 'aac' | 'opus' | 'flac';

/** Codecs whose name depends on their set-up, or that are not to be believed before it. */
const setUpCodecs: ReadonlySet<string> = new Set<SetUpCodec>([
  'h264',
  'hevc',
  'av1',
  'vp9',
  'aac',
  'opus',
  'flac',
]);
/** Names of the others, where RFC 6381 or browsers have one; the rest is called as in `media/flv`. */
const otherNames: Readonly<Partial<Record<VideoCodec | AudioCodec, string>>> = {
  ac3: 'ac-3',
  eac3: 'ec-3',
  vp8: 'vp08.00.10.08',
  vvc: 'vvc1',
};

/**
 * The codec (RFC 6381) that an FLV or enhanced RTMP tag tells of: by its set-up, or by coded media of codecs that
 * have none. Undefined for all other tags. Errors: those of `media/error` and `Mp4Error`.
 */
export function codecStringInFlv({ type, payload }: Pick<FlvTag, 'type' | 'payload'>): string | undefined {
  if (type === 'data') return undefined;
  const { codec, isSequenceHeader, isCoded, isMultitrack, dataOffset } =
    type === 'video' ? parseVideoTag(payload) : parseAudioTag(payload);
  if (isMultitrack) return undefined;
  if (!isSetUpCodec(codec)) return isCoded ? (otherNames[codec] ?? codec) : undefined;
  if (!isSequenceHeader) return undefined;
  const data = payload.subarray(dataOffset);
  return codecString({ codec, record: codec === 'vp9' ? vp9Record(data) : data });
}

function isSetUpCodec(codec: VideoCodec | AudioCodec): codec is SetUpCodec {
  return setUpCodecs.has(codec);
}
