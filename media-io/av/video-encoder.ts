import {
  annexBNals,
  createAvcDecoderRecord,
  encodeAvcDecoderRecord,
  nalType,
  nalTypeOf,
  toAvcc,
} from '@gala/media/h264';
import { AV_CODEC_FLAG_GLOBAL_HEADER, AV_PICTURE_TYPE_I, AV_PICTURE_TYPE_NONE } from 'node-av/constants';
import { Rational, type CodecContext, type Frame, type Packet } from 'node-av/lib';
import { bytesOf, EncodedPackets, milliseconds, openEncoder } from './codec.ts';
import { x264, type H264Encoder } from './h264-encoders.ts';
import { allocatePicture, planesOf, type Colour, type Picture } from './picture.ts';
import { AvError, check } from './result.ts';

export interface VideoEncoderOptions {
  readonly width: number;
  readonly height: number;
  /** Nominal rate; frames may come slower, time stamps count. */
  readonly framesPerSecond: number;
  /** x264's constant quality, 0 (lossless) .. 51; 23 is its default. */
  readonly quality?: number;
  /** Mean and, over two seconds, largest rate; without it `quality` decides. */
  readonly bitsPerSecond?: number;
  /** Of x264. */
  readonly preset?: string;
  /** What the numbers in the pictures mean, for players. */
  readonly colour?: Colour;
  /** x264 if there is none. */
  readonly encoder?: H264Encoder;
}

export interface EncodedPicture {
  /** AVCC access unit with 4-byte lengths, without parameter sets. */
  readonly data: Buffer;
  readonly isKeyFrame: boolean;
  readonly ptsMs: number;
}

/** What access units go without: sets that stand in the decoder record, and what some decoders stumble over. */
const leftOut: ReadonlySet<number> = new Set([
  nalType.sps,
  nalType.pps,
  nalType.sei,
  nalType.accessUnitDelimiter,
]);
/** How much of the rate one burst may take. */
const rateWindowSeconds = 2;

/** H.264 without B-frames and without delay. Must be closed: its memory is native. */
export class VideoEncoder implements Disposable {
  /** AVCDecoderConfigurationRecord (ISO/IEC 14496-15). */
  readonly decoderRecord: Buffer;
  /** What is encoded next, in the pixel format of the encoder; its content is written in place. */
  readonly frame: Frame;
  readonly #context: CodecContext;
  readonly #packets: EncodedPackets;

  private constructor(context: CodecContext, frame: Frame) {
    this.#context = context;
    this.frame = frame;
    this.#packets = new EncodedPackets(context);
    this.decoderRecord = recordOf(context.extraData ?? Buffer.alloc(0));
  }

  /** Errors: AvError, for an encoder in hardware also when its set-up cannot be read. */
  static async open(options: VideoEncoderOptions): Promise<VideoEncoder> {
    const { width, height, framesPerSecond, bitsPerSecond, colour, encoder = x264 } = options;
    const context = await openEncoder(encoder.name, {
      fields: {
        width,
        height,
        pixelFormat: encoder.pixelFormat,
        timeBase: milliseconds,
        framerate: new Rational(framesPerSecond, 1),
        gopSize: 10_000,
        maxBFrames: 0,
        threadCount: 1,
        ...colour,
        ...(bitsPerSecond && rateFields(bitsPerSecond)),
      },
      flags: [AV_CODEC_FLAG_GLOBAL_HEADER],
      settings: { ...encoder.settings, ...(encoder === x264 && x264Settings(options)) },
    });
    try {
      return new VideoEncoder(context, allocatePicture({ width, height, colour }, encoder.pixelFormat));
    } catch (error) {
      context.freeContext();
      throw error;
    }
  }

  /** The planes of `frame`; only x264 has three of them. */
  get picture(): Picture {
    return planesOf(this.frame);
  }

  /** Encodes what stands in `frame`, in this turn. */
  encode(ptsMs: number, forceKeyFrame: boolean): EncodedPicture {
    this.#prepare(ptsMs, forceKeyFrame);
    check(this.#context.sendFrameSync(this.frame), 'encoding a picture');
    const encoded = this.#take();
    if (!encoded) throw new AvError('encoding a picture without delay', -1);
    return encoded;
  }

  /** Encodes what stands in `frame`, beside the event loop; undefined while an encoder in hardware falls behind. */
  async encodeFrame(ptsMs: number, forceKeyFrame: boolean): Promise<EncodedPicture | undefined> {
    this.#prepare(ptsMs, forceKeyFrame);
    check(await this.#context.sendFrame(this.frame), 'encoding a picture');
    return this.#take();
  }

  [Symbol.dispose](): void {
    this.#packets[Symbol.dispose]();
    this.frame.free();
    this.#context.freeContext();
  }

  #prepare(ptsMs: number, forceKeyFrame: boolean): void {
    this.frame.pts = BigInt(ptsMs);
    this.frame.pictType = forceKeyFrame ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
  }

  #take(): EncodedPicture | undefined {
    for (const packet of this.#packets.ready()) return pictureOf(packet);
    return undefined;
  }
}

function x264Settings({ preset, quality, bitsPerSecond }: VideoEncoderOptions): Record<string, string> {
  return {
    ...(preset !== undefined && { preset }),
    ...(bitsPerSecond === undefined && { crf: String(quality ?? 23) }),
  };
}

function rateFields(bitsPerSecond: number) {
  const bitRate = BigInt(bitsPerSecond);
  return { bitRate, rcMaxRate: bitRate, rcBufferSize: bitsPerSecond * rateWindowSeconds };
}

function pictureOf(packet: Packet): EncodedPicture {
  const nals = [...annexBNals(bytesOf(packet))].filter((nal) => !leftOut.has(nalTypeOf(nal)));
  return { data: toAvcc(nals), isKeyFrame: packet.isKeyframe, ptsMs: Number(packet.pts) };
}

function recordOf(extraData: Buffer): Buffer {
  const nals = [...annexBNals(extraData)];
  const parameterSets = nals.filter((nal) => nalTypeOf(nal) === nalType.sps);
  const pictureSets = nals.filter((nal) => nalTypeOf(nal) === nalType.pps);
  return encodeAvcDecoderRecord(createAvcDecoderRecord(parameterSets, pictureSets));
}
