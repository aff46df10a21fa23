import { BitReader, BitWriter } from '../bytes/index.ts';
import { MediaError } from '../error/index.ts';

/** Sampling rates by index (ISO/IEC 14496-3, table 1.18). */
export const samplingRates = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350,
] as const;

/** Audio object types (ISO/IEC 14496-3, table 1.17). */
export const audioObjectType = { main: 1, lc: 2, ssr: 3, ltp: 4, sbr: 5, ps: 29 } as const;

const ESCAPE_OBJECT_TYPE = 31;
const ESCAPE_SAMPLING_INDEX = 15;
const SBR_SYNC = 0x2b7;
const PS_SYNC = 0x548;
const CHANNELS = [0, 1, 2, 3, 4, 5, 6, 8];
/** Object types with a GASpecificConfig, whose length is known well enough to look behind it. */
const GENERAL_AUDIO_TYPES = [1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23];
const SHORT_FRAME_SAMPLES = 960;
const FRAME_SAMPLES = 1024;

/** An AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1), the body of an AAC sequence header. */
export interface AudioSpecificConfig {
  /** Object type of the core codec, 2 for AAC-LC, also under SBR and PS. */
  objectType: number;
  /** Rate of the core codec in Hz. */
  samplingRateHz: number;
  /** 0 if a program config element in the data says it, else 1 to 7. */
  channelConfiguration: number;
  /** Channels the configuration names; 0 if not named. */
  channels: number;
  /** Samples per frame of the core codec: 1024 or 960. */
  frameSamples: number;
  /** Spectral band replication: yes, no, or not said (a decoder finds out: implicit signalling). */
  sbr: boolean | undefined;
  /** Parametric stereo, likewise. */
  ps: boolean | undefined;
  /** Rate that is heard if `sbr` is signalled, else the core rate. */
  outputRateHz: number;
}

function readObjectType(bits: BitReader): number {
  const type = bits.bits(5);
  return type === ESCAPE_OBJECT_TYPE ? 32 + bits.bits(6) : type;
}

function readSamplingRate(bits: BitReader): number {
  const index = bits.bits(4);
  const rateHz = index === ESCAPE_SAMPLING_INDEX ? bits.bits(24) : samplingRates[index];
  if (rateHz === undefined || rateHz === 0) throw new MediaError('AAC_CONFIG_INVALID', 'sampling rate');
  return rateHz;
}

/** Reads a config with explicit, backward compatible or no SBR and PS signalling. Errors: `AAC_CONFIG_INVALID`. */
export function parseAudioSpecificConfig(bytes: Buffer): AudioSpecificConfig {
  try {
    return readConfig(new BitReader(bytes));
  } catch (error) {
    const isShort = error instanceof MediaError && error.code === 'BITS_EXHAUSTED';
    throw isShort ? new MediaError('AAC_CONFIG_INVALID', 'too short') : error;
  }
}

function readConfig(bits: BitReader): AudioSpecificConfig {
  const signalled = readObjectType(bits);
  const samplingRateHz = readSamplingRate(bits);
  const channelConfiguration = bits.bits(4);
  const isHierarchical = signalled === audioObjectType.sbr || signalled === audioObjectType.ps;
  let outputRateHz = samplingRateHz;
  let objectType = signalled;
  if (isHierarchical) {
    outputRateHz = readSamplingRate(bits);
    objectType = readObjectType(bits);
  }
  if (objectType === 0) throw new MediaError('AAC_CONFIG_INVALID', 'object type 0');
  const config = {
    objectType,
    samplingRateHz,
    channelConfiguration,
    channels: CHANNELS[channelConfiguration] ?? 0,
    frameSamples: FRAME_SAMPLES,
    sbr: isHierarchical ? true : undefined,
    ps: isHierarchical ? signalled === audioObjectType.ps : undefined,
    outputRateHz,
  };
  if (!GENERAL_AUDIO_TYPES.includes(objectType)) return config;
  const frameSamples = readGeneralAudio(bits, objectType);
  const extension = isHierarchical || channelConfiguration === 0 ? {} : readSyncExtension(bits);
  return { ...config, frameSamples, ...extension };
}

/** Reads the part of a GASpecificConfig that all object types share (ISO/IEC 14496-3, 4.4.1). */
function readGeneralAudio(bits: BitReader, objectType: number): number {
  const isShort = bits.flag();
  if (bits.flag()) bits.skip(14);
  const hasExtension = bits.flag();
  if (objectType === 6 || objectType === 20) bits.skip(3);
  if (hasExtension) {
    if (objectType === 22) bits.skip(16);
    if ([17, 19, 20, 23].includes(objectType)) bits.skip(3);
    bits.skip(1);
  }
  return isShort ? SHORT_FRAME_SAMPLES : FRAME_SAMPLES;
}

/** Reads backward compatible signalling: sync words behind the config (ISO/IEC 14496-3, 1.6.5). */
function readSyncExtension(bits: BitReader): Partial<AudioSpecificConfig> {
  if (bits.bitsLeft < 16 || bits.bits(11) !== SBR_SYNC) return {};
  if (readObjectType(bits) !== audioObjectType.sbr) return {};
  if (!bits.flag()) return { sbr: false };
  const outputRateHz = readSamplingRate(bits);
  const hasPs = bits.bitsLeft >= 12 && bits.bits(11) === PS_SYNC;
  return hasPs ? { sbr: true, outputRateHz, ps: bits.flag() } : { sbr: true, outputRateHz };
}

/** The fields a config is built from; SBR and PS are signalled hierarchically. */
export interface AudioSpecificConfigInput {
  objectType?: number;
  samplingRateHz: number;
  channelConfiguration: number;
  sbr?: boolean;
  ps?: boolean;
  /** Rate that is heard; twice the core rate by default if `sbr`. */
  outputRateHz?: number;
}

/** Writes a config. Rates outside the table take the escape form. */
export function encodeAudioSpecificConfig(input: AudioSpecificConfigInput): Buffer {
  const { objectType = audioObjectType.lc, samplingRateHz, channelConfiguration, sbr, ps } = input;
  const bits = new BitWriter();
  const isHierarchical = sbr === true || ps === true;
  if (isHierarchical) {
    bits.bits(5, ps === true ? audioObjectType.ps : audioObjectType.sbr);
    writeSamplingRate(bits, samplingRateHz);
    bits.bits(4, channelConfiguration);
    writeSamplingRate(bits, input.outputRateHz ?? samplingRateHz * 2);
    writeObjectType(bits, objectType);
  } else {
    writeObjectType(bits, objectType);
    writeSamplingRate(bits, samplingRateHz);
    bits.bits(4, channelConfiguration);
  }
  // GASpecificConfig: 1024 samples a frame, no core coder, no extension.
  return bits.bits(3, 0).toBuffer();
}

function writeObjectType(bits: BitWriter, type: number): void {
  if (type < ESCAPE_OBJECT_TYPE) bits.bits(5, type);
  else bits.bits(5, ESCAPE_OBJECT_TYPE).bits(6, type - 32);
}

function writeSamplingRate(bits: BitWriter, rateHz: number): void {
  const index = samplingRates.findIndex((each) => each === rateHz);
  if (index === -1) bits.bits(4, ESCAPE_SAMPLING_INDEX).bits(24, rateHz);
  else bits.bits(4, index);
}

/** Duration of one frame in milliseconds, not rounded. */
export function frameDurationMs(config: AudioSpecificConfig): number {
  return (config.frameSamples * 1000) / config.samplingRateHz;
}
