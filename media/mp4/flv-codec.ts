import { parseAudioTag, parseVideoTag, type AudioCodec, type VideoCodec } from '../flv/index.ts';
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

type TrackTag = { readonly type: 'video' | 'audio'; readonly payload: Buffer };

/** What a tag tells of the codec of its track. */
export interface FlvCodec {
  /** As RFC 6381 names it; undefined when the tag does not say. */
  readonly name: string | undefined;
  /** The tag carries coded media: what it does not say, the set-up before it has said. */
  readonly isCoded: boolean;
}

/**
 * The codec that an FLV or enhanced RTMP tag tells of: by its set-up, or by coded media of codecs that have none.
 * Errors: those of `media/error` and `Mp4Error`.
 */
export function codecInFlv({ type, payload }: TrackTag): FlvCodec {
  const tag = type === 'video' ? parseVideoTag(payload) : parseAudioTag(payload);
  const { codec, isCoded } = tag;
  if (tag.isMultitrack) return { name: undefined, isCoded };
  if (!isSetUpCodec(codec)) return { name: isCoded ? (otherNames[codec] ?? codec) : undefined, isCoded };
  if (!tag.isSequenceHeader) return { name: undefined, isCoded };
  const data = payload.subarray(tag.dataOffset);
  return { name: codecString({ codec, record: codec === 'vp9' ? vp9Record(data) : data }), isCoded };
}

function isSetUpCodec(codec: VideoCodec | AudioCodec): codec is SetUpCodec {
  return setUpCodecs.has(codec);
}
