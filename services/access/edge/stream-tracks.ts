import { MediaError } from '@gala/media/error';
import { parseAudioTag, parseVideoTag } from '@gala/media/flv';
import { codecString, FlvUnitReader, Mp4Error, type TrackConfig } from '@gala/media/mp4';
import { payloadOf, type Tag } from './tag.ts';

/** What a stream consists of, for operators. */
export interface StreamTrack {
  readonly kind: 'video' | 'audio';
  /** As RFC 6381 writes it where the set-up can be read (`avc1.64001f`); else the name of the codec. */
  readonly codec: string;
  readonly width?: number;
  readonly height?: number;
  readonly samplingRateHz?: number;
  readonly channels?: number;
}

/** The tracks whose set-up is among these tags. */
export function tracksOf(headers: readonly Tag[]): StreamTrack[] {
  return headers.map(trackOf).filter((track) => track !== undefined);
}

function trackOf({ kind, timestampMs, ...tag }: Tag): StreamTrack | undefined {
  if (kind === 'data') return undefined;
  const payload = payloadOf({ kind, timestampMs, ...tag });
  try {
    const { config } = new FlvUnitReader().read({ type: kind, payload }, timestampMs);
    if (config) return describe(config);
    return { kind, codec: (kind === 'video' ? parseVideoTag : parseAudioTag)(payload).codec };
  } catch (error) {
    // Set-up that we cannot read is passed on all the same; nothing can be said of it.
    if (error instanceof MediaError || error instanceof Mp4Error) return { kind, codec: 'unknown' };
    throw error;
  }
}

function describe(config: TrackConfig): StreamTrack {
  const codec = codecString(config);
  if (config.kind === 'video') return { kind: 'video', codec, width: config.width, height: config.height };
  return { kind: 'audio', codec, samplingRateHz: config.samplingRateHz, channels: config.channels };
}
