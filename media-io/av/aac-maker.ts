import type { AudioConfig } from '@gala/media/mp4';
import {
  AV_SAMPLE_FMT_FLTP,
  FF_DECODER_AC3,
  FF_DECODER_EAC3,
  FF_DECODER_FLAC,
  FF_DECODER_OPUS,
  type AVSampleFormat,
} from 'node-av/constants';
import { Frame, Packet, SoftwareResampleContext, type CodecContext } from 'node-av/lib';
import { aacFrameSamples, AudioEncoder, stereo } from './audio-encoder.ts';
import { openDecoder } from './codec.ts';
import { check } from './result.ts';

const decoders = {
  opus: FF_DECODER_OPUS,
  flac: FF_DECODER_FLAC,
  ac3: FF_DECODER_AC3,
  eac3: FF_DECODER_EAC3,
} as const;

/** What is turned into AAC, since not every player of FLV has a decoder for it. */
export type ForeignSound = Omit<AudioConfig, 'codec'> & { readonly codec: keyof typeof decoders };

export interface AacFrame {
  readonly data: Buffer;
  readonly timestampMs: number;
}

const sampleRateHz = 48_000;
const bitsPerSecond = 128_000;
/** The encoder is one frame late, and its first frame stands before the first sample. */
const encoderDelaySamples = 2 * aacFrameSamples;
/** A step of the source's clock beyond this is followed at once; below, samples are counted. */
const jumpMs = 100;
/** In front of the STREAMINFO that the decoder of FLAC wants stands the header of its block. */
const flacBlockHeaderBytes = 4;

/** Decodes sound and makes it AAC-LC, stereo, 48 kHz. Must be closed: its memory is native. */
export class AacMaker implements Disposable {
  /** Packets that could not be decoded. */
  damaged = 0;
  readonly #decoder: CodecContext;
  readonly #encoder: AudioEncoder;
  readonly #packet = new Packet();
  readonly #decoded = new Frame();
  readonly #resampled = new Frame();
  #resampler: SoftwareResampleContext | undefined;
  readonly #waiting = [new Float32Array(0), new Float32Array(0)];
  /** Time of the first sample since the source's clock was followed last, and the samples since. */
  #originMs = 0;
  #samples = 0;
  #isFirst = true;

  private constructor(decoder: CodecContext, encoder: AudioEncoder) {
    this.#decoder = decoder;
    this.#encoder = encoder;
    this.#packet.alloc();
    this.#decoded.alloc();
    this.#resampled.alloc();
  }

  /** Errors: AvError. */
  static async open({ codec, record }: ForeignSound): Promise<AacMaker> {
    const extraData = codec === 'flac' ? { extraData: record.subarray(flacBlockHeaderBytes) } : {};
    const decoder = await openDecoder(decoders[codec], { fields: { ...extraData, threadCount: 1 } });
    return new AacMaker(decoder, await AudioEncoder.open({ sampleRateHz, bitsPerSecond }));
  }

  /** AudioSpecificConfig of what comes out. */
  get specificConfig(): Buffer {
    return this.#encoder.specificConfig;
  }

  /** The frames that one packet completes; a damaged one is left out and counted. */
  convert(payload: Buffer, timestampMs: number): AacFrame[] {
    this.#packet.data = payload;
    const status = this.#decoder.sendPacketSync(this.#packet);
    this.#packet.unref();
    if (status < 0) this.damaged++;
    this.#follow(timestampMs);
    while (this.#decoder.receiveFrameSync(this.#decoded) >= 0) {
      this.#resample();
      this.#decoded.unref();
    }
    return this.#encode();
  }

  [Symbol.dispose](): void {
    this.#resampler?.free();
    for (const frame of [this.#decoded, this.#resampled]) frame.free();
    this.#packet.free();
    this.#decoder.freeContext();
    this.#encoder[Symbol.dispose]();
  }

  #follow(timestampMs: number): void {
    const waited = this.#waiting[0].length;
    const expectedMs = this.#timeOf(this.#samples + waited);
    if (!this.#isFirst && Math.abs(timestampMs - expectedMs) < jumpMs) return;
    this.#isFirst = false;
    this.#originMs = timestampMs - (waited * 1000) / sampleRateHz;
    this.#samples = 0;
  }

  #timeOf(samples: number): number {
    return this.#originMs + (samples * 1000) / sampleRateHz;
  }

  #resample(): void {
    this.#resampler ??= resamplerFor(this.#decoded);
    const target = { format: AV_SAMPLE_FMT_FLTP, sampleRate: sampleRateHz, channelLayout: stereo };
    Object.assign(this.#resampled, target);
    check(this.#resampler.convertFrame(this.#resampled, this.#decoded), 'resampling sound');
    const { nbSamples, data } = this.#resampled;
    this.#waiting.forEach((before, channel) => {
      const plane = data![channel];
      const longer = new Float32Array(before.length + nbSamples);
      longer.set(before);
      longer.set(new Float32Array(plane.buffer, plane.byteOffset, nbSamples), before.length);
      this.#waiting[channel] = longer;
    });
    this.#resampled.unref();
  }

  #encode(): AacFrame[] {
    const frames: AacFrame[] = [];
    while (this.#waiting[0].length >= aacFrameSamples) {
      const [left, right] = this.#waiting.map((samples) => samples.subarray(0, aacFrameSamples));
      const timestampMs = Math.max(0, Math.round(this.#timeOf(this.#samples - encoderDelaySamples)));
      for (const data of this.#encoder.encode(left, right, this.#samples)) frames.push({ data, timestampMs });
      this.#samples += aacFrameSamples;
      this.#waiting.forEach((samples, channel) => (this.#waiting[channel] = samples.slice(aacFrameSamples)));
    }
    return frames;
  }
}

function resamplerFor({ channelLayout, format, sampleRate }: Frame): SoftwareResampleContext {
  const resampler = new SoftwareResampleContext();
  const from = format as AVSampleFormat;
  check(
    resampler.allocSetOpts2(stereo, AV_SAMPLE_FMT_FLTP, sampleRateHz, channelLayout, from, sampleRate),
    'setting up the resampler',
  );
  check(resampler.init(), 'setting up the resampler');
  return resampler;
}
