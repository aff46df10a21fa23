import {
  annexBNals,
  createAvcDecoderRecord,
  encodeAvcDecoderRecord,
  nalType,
  nalTypeOf,
  toAvcc,
} from '@gala/media/h264';
import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_PICTURE_TYPE_I,
  AV_PICTURE_TYPE_NONE,
  AV_PIX_FMT_YUV420P,
  FF_ENCODER_LIBX264,
} from 'node-av/constants';
import { Codec, CodecContext, Dictionary, Frame, Packet, Rational } from 'node-av/lib';
import { check } from './result.ts';

export interface VideoEncoderOptions {
  readonly width: number;
  readonly height: number;
  /** Nominal rate; frames may come slower, time stamps count. */
  readonly framesPerSecond: number;
  /** x264's constant quality, 0 (lossless) .. 51; 23 is its default. */
  readonly quality?: number;
  readonly preset?: string;
}

/** Planar 4:2:0 picture to be encoded; planes are written in place. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly luma: Buffer;
  readonly blue: Buffer;
  readonly red: Buffer;
  /** Bytes from one row to the next, of luma and of both chroma planes. */
  readonly lumaStride: number;
  readonly chromaStride: number;
}

export interface EncodedPicture {
  /** AVCC access unit with 4-byte lengths, without parameter sets. */
  readonly data: Buffer;
  readonly isKeyFrame: boolean;
  readonly ptsMs: number;
}

/** H.264 by x264, one thread, no B-frames, no delay. Must be closed: its memory is native. */
export class VideoEncoder implements Disposable {
  /** AVCDecoderConfigurationRecord (ISO/IEC 14496-15). */
  readonly decoderRecord: Buffer;
  readonly picture: Picture;
  readonly #context: CodecContext;
  readonly #frame: Frame;
  readonly #packet: Packet;

  private constructor(context: CodecContext, frame: Frame) {
    this.#context = context;
    this.#frame = frame;
    this.#packet = new Packet();
    this.#packet.alloc();
    this.decoderRecord = recordOf(context.extraData ?? Buffer.alloc(0));
    this.picture = pictureOf(frame);
  }

  static async open(options: VideoEncoderOptions): Promise<VideoEncoder> {
    const codec = Codec.findEncoderByName(FF_ENCODER_LIBX264);
    if (!codec) throw new Error('this FFmpeg has no libx264');
    const context = new CodecContext();
    context.allocContext3(codec);
    Object.assign(context, {
      width: options.width,
      height: options.height,
      pixelFormat: AV_PIX_FMT_YUV420P,
      timeBase: new Rational(1, 1000),
      framerate: new Rational(options.framesPerSecond, 1),
      gopSize: 10_000,
      maxBFrames: 0,
      threadCount: 1,
    });
    context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
    const settings = {
      preset: options.preset ?? 'superfast',
      tune: 'zerolatency',
      profile: 'main',
      crf: String(options.quality ?? 23),
      'forced-idr': '1',
    };
    check(await context.open2(codec, Dictionary.fromObject(settings)), 'opening x264');
    return new VideoEncoder(context, makeFrame(options));
  }

  /** Encodes what stands in `picture`. */
  encode(ptsMs: number, forceKeyFrame: boolean): EncodedPicture {
    this.#frame.pts = BigInt(ptsMs);
    this.#frame.pictType = forceKeyFrame ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    check(this.#context.sendFrameSync(this.#frame), 'encoding a picture');
    check(this.#context.receivePacketSync(this.#packet), 'encoding a picture');
    const nals = [...annexBNals(Buffer.from(this.#packet.data ?? []))].filter((nal) => !isParameterSet(nal));
    const isKeyFrame = this.#packet.isKeyframe;
    this.#packet.unref();
    return { data: toAvcc(nals), isKeyFrame, ptsMs };
  }

  [Symbol.dispose](): void {
    this.#packet.free();
    this.#frame.free();
    this.#context.freeContext();
  }
}

function recordOf(extraData: Buffer): Buffer {
  const nals = [...annexBNals(extraData)];
  const parameterSets = nals.filter((nal) => nalTypeOf(nal) === nalType.sps);
  const pictureSets = nals.filter((nal) => nalTypeOf(nal) === nalType.pps);
  return encodeAvcDecoderRecord(createAvcDecoderRecord(parameterSets, pictureSets));
}

function isParameterSet(nal: Buffer): boolean {
  const type = nalTypeOf(nal);
  return type === nalType.sps || type === nalType.pps || type === nalType.sei;
}

function makeFrame({ width, height }: VideoEncoderOptions): Frame {
  const frame = new Frame();
  frame.alloc();
  Object.assign(frame, { format: AV_PIX_FMT_YUV420P, width, height });
  check(frame.getBuffer(), 'allocating a picture');
  return frame;
}

function pictureOf(frame: Frame): Picture {
  const [luma, blue, red] = frame.data ?? [];
  const [lumaStride, chromaStride] = frame.linesize;
  return { width: frame.width, height: frame.height, luma, blue, red, lumaStride, chromaStride };
}
