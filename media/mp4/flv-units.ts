import { parseAudioSpecificConfig } from '../aac/index.ts';
import { parseAudioTag, parseVideoTag, type AudioCodec, type FlvTag, type VideoCodec } from '../flv/index.ts';
import { parseAvcDecoderRecord, parseAvcSps } from '../h264/index.ts';
import { ac3FrameSamples, ac3Info, eac3Info, eac3PacketSamples } from './ac3.ts';
import { av1Size } from './av1.ts';
import { Mp4Error } from './errors.ts';
import { flacFrameSamples, flacInfo } from './flac.ts';
import { hevcSize } from './hevc.ts';
import { opusPacketSamples, opusRateHz, opusRecord } from './opus.ts';
import type { AccessUnit, AudioConfig, TrackConfig, VideoConfig } from './track.ts';
import { vp9Record, vp9Size } from './vp9.ts';

/** What one FLV tag means for a file: set-up that is new, coded media, or both; neither for all else. */
export interface FlvUnit {
  /** New set-up of its track, which holds from `unit` on. */
  config?: TrackConfig;
  unit?: AccessUnit;
}

const NOTHING: FlvUnit = {};
/** Sample entries have 16 bits for it. */
const SIZE_MAX = 0xffff;
/** Codecs without a sequence header: their set-up is read from the media itself. */
const FRAMED_CODECS: ReadonlySet<AudioCodec> = new Set(['ac3', 'eac3']);

/**
 * Reads the set-up and the access units out of FLV or enhanced RTMP tags, with times as the tags have them; units
 * before the set-up of their track are left out. Errors: those of `media/error` and `Mp4Error`, for a tag that
 * should then be skipped.
 */
export class FlvUnitReader {
  #video: VideoConfig | undefined;
  #audio: AudioConfig | undefined;
  /** VP9 tells its size in key frames only. */
  #vp9Record: Buffer | undefined;
  /** Tags left out: of a codec that MP4 has no form for here, or of several tracks. */
  unsupportedTags = 0;

  /** Set-up known so far. */
  get configs(): TrackConfig[] {
    return [this.#video, this.#audio].filter((config) => config !== undefined);
  }

  /** @param dtsMs corrected time, if it is not that of the tag */
  read(tag: Pick<FlvTag, 'type' | 'payload'>, dtsMs: number): FlvUnit {
    if (tag.type === 'data') return NOTHING;
    return tag.type === 'video' ? this.#readVideo(tag.payload, dtsMs) : this.#readAudio(tag.payload, dtsMs);
  }

  #readVideo(payload: Buffer, dtsMs: number): FlvUnit {
    const tag = parseVideoTag(payload);
    if (!isVideoCodec(tag.codec) || tag.isMultitrack) return this.#skip(tag.isCoded);
    const data = payload.subarray(tag.dataOffset);
    if (tag.isSequenceHeader) return this.#setUpVideo(tag.codec, data);
    if (!tag.isCoded || data.length === 0) return NOTHING;
    const config = tag.codec === 'vp9' && tag.isKeyFrame ? this.#setUpVp9(data) : undefined;
    if (this.#video?.codec !== tag.codec) return NOTHING;
    const unit: AccessUnit = {
      kind: 'video',
      dtsMs,
      compositionMs: tag.compositionTimeMs,
      keyFrame: tag.isKeyFrame,
      payload: data,
    };
    return config ? { config, unit } : { unit };
  }

  #setUpVideo(codec: VideoConfig['codec'], data: Buffer): FlvUnit {
    if (codec === 'vp9') {
      this.#vp9Record = Buffer.from(vp9Record(data));
      return NOTHING;
    }
    return this.#changeVideo({ kind: 'video', codec, record: data, ...sizeOf(codec, data) });
  }

  #setUpVp9(frame: Buffer): VideoConfig | undefined {
    const size = vp9Size(frame);
    const record = this.#vp9Record;
    if (record === undefined || size === undefined) return undefined;
    const change = this.#changeVideo({ kind: 'video', codec: 'vp9', record, ...size }).config;
    return change?.kind === 'video' ? change : undefined;
  }

  #changeVideo(config: VideoConfig): FlvUnit {
    const { width, height } = config;
    const hasSize = width > 0 && height > 0 && width <= SIZE_MAX && height <= SIZE_MAX;
    if (!hasSize) throw new Mp4Error('CODEC_CONFIG_INVALID', `picture of ${width} x ${height}`);
    if (this.#video && isSame(this.#video, config)) return NOTHING;
    // A copy: the record is part of a whole socket read, which would live as long as the stream.
    this.#video = { ...config, record: Buffer.from(config.record) };
    return { config: this.#video };
  }

  #readAudio(payload: Buffer, dtsMs: number): FlvUnit {
    const tag = parseAudioTag(payload);
    if (!isAudioCodec(tag.codec) || tag.isMultitrack) return this.#skip(tag.isCoded);
    const data = payload.subarray(tag.dataOffset);
    if (tag.isSequenceHeader) return this.#changeAudio(audioConfig(tag.codec, data));
    if (!tag.isCoded || data.length === 0) return NOTHING;
    const change = FRAMED_CODECS.has(tag.codec) ? this.#changeAudio(audioConfig(tag.codec, data)) : NOTHING;
    if (this.#audio?.codec !== tag.codec) return NOTHING;
    return {
      ...change,
      unit: { kind: 'audio', dtsMs, compositionMs: 0, keyFrame: true, payload: data },
    };
  }

  #changeAudio(config: AudioConfig): FlvUnit {
    if (this.#audio && isSame(this.#audio, config)) return NOTHING;
    this.#audio = { ...config, record: Buffer.from(config.record) };
    return { config: this.#audio };
  }

  #skip(isCoded: boolean): FlvUnit {
    if (isCoded) this.unsupportedTags += 1;
    return NOTHING;
  }
}

function isVideoCodec(codec: VideoCodec): codec is VideoConfig['codec'] {
  return codec === 'h264' || codec === 'hevc' || codec === 'av1' || codec === 'vp9';
}

function isAudioCodec(codec: AudioCodec): codec is AudioConfig['codec'] {
  return codec === 'aac' || codec === 'opus' || codec === 'flac' || codec === 'ac3' || codec === 'eac3';
}

function isSame(a: TrackConfig, b: TrackConfig): boolean {
  if (a.codec !== b.codec || !a.record.equals(b.record)) return false;
  return a.kind !== 'video' || b.kind !== 'video' || (a.width === b.width && a.height === b.height);
}

function sizeOf(codec: 'h264' | 'hevc' | 'av1', record: Buffer): { width: number; height: number } {
  if (codec === 'hevc') return hevcSize(record);
  if (codec === 'h264') {
    const [sps] = parseAvcDecoderRecord(record).sps;
    if (sps === undefined) throw new Mp4Error('CODEC_CONFIG_INVALID', 'avcC without SPS');
    const { width, height } = parseAvcSps(sps);
    return { width, height };
  }
  const size = av1Size(record);
  if (size === undefined) throw new Mp4Error('CODEC_CONFIG_INVALID', 'av1C without sequence header');
  return size;
}

/** Set-up of a sound track from its sequence header, for AC-3 from a frame. */
function audioConfig(codec: AudioConfig['codec'], data: Buffer): AudioConfig {
  switch (codec) {
    case 'aac': {
      const { samplingRateHz, channels } = parseAudioSpecificConfig(data);
      return { kind: 'audio', codec, record: data, samplingRateHz, channels };
    }
    case 'opus': {
      const record = opusRecord(data);
      return { kind: 'audio', codec, record, samplingRateHz: opusRateHz, channels: record[1] };
    }
    case 'flac':
      return { kind: 'audio', codec, ...flacInfo(data) };
    case 'ac3':
      return { kind: 'audio', codec, ...ac3Info(data) };
    default:
      return { kind: 'audio', codec, ...eac3Info(data) };
  }
}

/** How many samples a packet of a sound track holds; always 0 for video. */
export function packetSamplesOf(config: TrackConfig): (payload: Buffer) => number {
  switch (config.codec) {
    case 'aac': {
      const { frameSamples } = parseAudioSpecificConfig(config.record);
      return () => frameSamples;
    }
    case 'opus':
      return opusPacketSamples;
    case 'flac':
      return flacFrameSamples;
    case 'ac3':
      return () => ac3FrameSamples;
    case 'eac3':
      return eac3PacketSamples;
    default:
      return () => 0;
  }
}
