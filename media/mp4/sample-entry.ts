import { box, fullBox, uint16, uint32, uint8 } from './box.ts';
import type { AudioConfig, TrackConfig, VideoConfig } from './track.ts';

const DATA_REFERENCE = uint16(0, 0, 0, 1);
const RESOLUTION_72_DPI = 0x00480000;
const DEPTH_COLOR = 0x18;
const COMPRESSOR_NAME_BYTES = 32;
const SAMPLE_BITS = 16;
const SIXTEEN_BITS_MAX = 0xffff;
const VPCC_VERSION = 1;
const MPEG4_AUDIO = 0x40;
/** Stream type audio with the bit that is always set. */
const AUDIO_STREAM = 0x15;
const SL_CONFIG_MP4 = 2;
const descriptorTag = { elementaryStream: 3, decoderConfig: 4, decoderInfo: 5, slConfig: 6 } as const;

/** The sample entry of a track with the box of its codec (ISO/IEC 14496-12, 8.5.2 and the binding of each codec). */
export function sampleEntry(config: TrackConfig): Buffer {
  return config.kind === 'video' ? videoEntry(config) : audioEntry(config);
}

function videoEntry(config: VideoConfig): Buffer {
  const { record } = config;
  const fields = videoFields(config);
  switch (config.codec) {
    case 'h264':
      return box('avc1', fields, box('avcC', record));
    case 'hevc':
      return box('hvc1', fields, box('hvcC', record));
    case 'av1':
      return box('av01', fields, box('av1C', record));
    default:
      return box('vp09', fields, fullBox('vpcC', { version: VPCC_VERSION }, record));
  }
}

function videoFields({ width, height }: VideoConfig): Buffer {
  return Buffer.concat([
    DATA_REFERENCE,
    Buffer.alloc(16),
    uint16(width, height),
    uint32(RESOLUTION_72_DPI, RESOLUTION_72_DPI, 0),
    uint16(1),
    Buffer.alloc(COMPRESSOR_NAME_BYTES),
    uint16(DEPTH_COLOR, SIXTEEN_BITS_MAX),
  ]);
}

function audioEntry(config: AudioConfig): Buffer {
  const { record } = config;
  const fields = audioFields(config);
  switch (config.codec) {
    case 'aac':
      return box('mp4a', fields, fullBox('esds', {}, elementaryStream(record)));
    case 'opus':
      return box('Opus', fields, box('dOps', record));
    case 'flac':
      return box('fLaC', fields, fullBox('dfLa', {}, record));
    case 'ac3':
      return box('ac-3', fields, box('dac3', record));
    default:
      return box('ec-3', fields, box('dec3', record));
  }
}

function audioFields({ channels, samplingRateHz }: AudioConfig): Buffer {
  // The field is 16.16 fixed point; higher rates are told by the record of the codec alone.
  const rate = samplingRateHz <= SIXTEEN_BITS_MAX ? samplingRateHz : 0;
  return Buffer.concat([DATA_REFERENCE, uint32(0, 0), uint16(channels, SAMPLE_BITS, 0, 0, rate, 0)]);
}

/** ES_Descriptor of AAC (ISO/IEC 14496-1, 7.2.6.5). */
function elementaryStream(audioSpecificConfig: Buffer): Buffer {
  const decoderConfig = descriptor(
    descriptorTag.decoderConfig,
    uint8(MPEG4_AUDIO, AUDIO_STREAM, 0, 0, 0),
    uint32(0, 0),
    descriptor(descriptorTag.decoderInfo, audioSpecificConfig),
  );
  const slConfig = descriptor(descriptorTag.slConfig, uint8(SL_CONFIG_MP4));
  return descriptor(descriptorTag.elementaryStream, uint16(0), uint8(0), decoderConfig, slConfig);
}

/** A descriptor with its size in four bytes of seven bits, the form that all readers take. */
function descriptor(tag: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const size = [21, 14, 7].map((shift) => ((body.length >>> shift) & 0x7f) | 0x80);
  return Buffer.concat([uint8(tag, ...size, body.length & 0x7f), body]);
}
