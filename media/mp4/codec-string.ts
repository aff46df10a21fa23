import { parseAudioSpecificConfig } from '../aac/index.ts';
import { av1CodecString } from './av1.ts';
import { Mp4Error } from './errors.ts';
import { hevcCodecString } from './hevc.ts';
import type { TrackConfig } from './track.ts';
import { vp9CodecString } from './vp9.ts';

/**
 * The codec of a track as browsers and playlists name it (RFC 6381), e.g. `avc1.64001f`, `mp4a.40.2`. Opus and
 * FLAC are in the small letters that `MediaSource.isTypeSupported` knows.
 */
export function codecString({ codec, record }: Pick<TrackConfig, 'codec' | 'record'>): string {
  switch (codec) {
    case 'h264':
      return avcCodecString(record);
    case 'hevc':
      return hevcCodecString(record);
    case 'av1':
      return av1CodecString(record);
    case 'vp9':
      return vp9CodecString(record);
    case 'aac':
      return aacCodecString(record);
    case 'ac3':
      return 'ac-3';
    case 'eac3':
      return 'ec-3';
    default:
      return codec;
  }
}

function avcCodecString(record: Buffer): string {
  if (record.length < 4) throw new Mp4Error('CODEC_CONFIG_INVALID', 'avcC too short');
  return `avc1.${record.toString('hex', 1, 4)}`;
}

function aacCodecString(record: Buffer): string {
  const { objectType, sbr, ps } = parseAudioSpecificConfig(record);
  if (ps === true) return 'mp4a.40.29';
  return `mp4a.40.${sbr === true ? 5 : objectType}`;
}
