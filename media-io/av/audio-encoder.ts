import { AV_CODEC_FLAG_GLOBAL_HEADER, AV_SAMPLE_FMT_FLTP, FF_ENCODER_AAC } from 'node-av/constants';
import { Codec, CodecContext, Frame, Packet, Rational } from 'node-av/lib';
import { check } from './result.ts';

/** Samples per channel in one AAC-LC frame. */
export const aacFrameSamples = 1024;
const stereo = { nbChannels: 2, order: 1, mask: 3n };

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
  readonly #packet: Packet;

  private constructor(context: CodecContext, frame: Frame) {
    this.#context = context;
    this.#frame = frame;
    this.#packet = new Packet();
    this.#packet.alloc();
    this.specificConfig = Buffer.from(context.extraData ?? []);
  }

  static async open(options: AudioEncoderOptions): Promise<AudioEncoder> {
    const codec = Codec.findEncoderByName(FF_ENCODER_AAC);
    if (!codec) throw new Error('this FFmpeg has no AAC encoder');
    const context = new CodecContext();
    context.allocContext3(codec);
    const { sampleRateHz: sampleRate } = options;
    const format = { sampleRate, channelLayout: stereo };
    Object.assign(context, format, {
      sampleFormat: AV_SAMPLE_FMT_FLTP,
      bitRate: BigInt(options.bitsPerSecond),
    });
    context.timeBase = new Rational(1, sampleRate);
    context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
    check(await context.open2(codec), 'opening the AAC encoder');
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
    const frames: Buffer[] = [];
    while (this.#context.receivePacketSync(this.#packet) >= 0) {
      frames.push(Buffer.from(this.#packet.data ?? []));
      this.#packet.unref();
    }
    return frames;
  }

  [Symbol.dispose](): void {
    this.#packet.free();
    this.#frame.free();
    this.#context.freeContext();
  }
}
