import {
  AV_CHANNEL_ORDER_NATIVE,
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_SAMPLE_FMT_FLTP,
  FF_ENCODER_AAC,
} from 'node-av/constants';
import { Frame, Rational, type ChannelLayout, type CodecContext } from 'node-av/lib';
import { bytesOf, EncodedPackets, openEncoder } from './codec.ts';
import { check } from './result.ts';

/** Samples per channel in one AAC-LC frame. */
export const aacFrameSamples = 1024;
export const stereo: ChannelLayout = { nbChannels: 2, order: AV_CHANNEL_ORDER_NATIVE, mask: 3n };

export interface AudioEncoderOptions {
  readonly sampleRateHz: number;
  readonly bitsPerSecond: number;
}

/** AAC-LC, stereo. The encoder is one frame late at the start. Must be closed: its memory is native. */
export class AudioEncoder implements Disposable {
  /** AudioSpecificConfig (ISO/IEC 14496-3). */
  readonly specificConfig: Buffer;
  readonly #context: CodecContext;
  readonly #frame: Frame;
  readonly #packets: EncodedPackets;

  private constructor(context: CodecContext, frame: Frame) {
    this.#context = context;
    this.#frame = frame;
    this.#packets = new EncodedPackets(context);
    this.specificConfig = Buffer.from(context.extraData ?? []);
  }

  static async open({ sampleRateHz: sampleRate, bitsPerSecond }: AudioEncoderOptions): Promise<AudioEncoder> {
    const format = { sampleRate, channelLayout: stereo };
    const context = await openEncoder(FF_ENCODER_AAC, {
      fields: {
        ...format,
        sampleFormat: AV_SAMPLE_FMT_FLTP,
        bitRate: BigInt(bitsPerSecond),
        timeBase: new Rational(1, sampleRate),
      },
      flags: [AV_CODEC_FLAG_GLOBAL_HEADER],
    });
    const frame = new Frame();
    frame.alloc();
    Object.assign(frame, { ...format, format: AV_SAMPLE_FMT_FLTP, nbSamples: aacFrameSamples });
    check(frame.getBuffer(), 'allocating a frame of sound');
    return new AudioEncoder(context, frame);
  }

  /** Encodes 1024 samples a channel, -1..1; answers raw AAC frames, mostly one, none for the first call. */
  encode(left: Float32Array, right: Float32Array, pts: number): Buffer[] {
    check(this.#frame.makeWritable(), 'writing sound');
    [left, right].forEach((samples, channel) => {
      const plane = this.#frame.data![channel];
      new Float32Array(plane.buffer, plane.byteOffset, aacFrameSamples).set(samples);
    });
    this.#frame.pts = BigInt(pts);
    check(this.#context.sendFrameSync(this.#frame), 'encoding sound');
    return Array.from(this.#packets.ready(), bytesOf);
  }

  [Symbol.dispose](): void {
    this.#packets[Symbol.dispose]();
    this.#frame.free();
    this.#context.freeContext();
  }
}
