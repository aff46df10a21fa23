import { encodeMetadata } from '@gala/media/flv';
import { scaledSize } from '@gala/media/picture';
import type { Frame } from 'node-av/lib';
import { x264, type H264Encoder } from './h264-encoders.ts';
import { colourOf } from './picture.ts';
import { Scaler } from './scaler.ts';
import { VideoEncoder, type EncodedPicture } from './video-encoder.ts';

/** One height of the ladder. */
export interface RungOptions {
  /** Of the shorter side: a picture stands upright as it came. */
  readonly height: number;
  readonly bitsPerSecond: number;
}

/** One message of a stream, as RTMP and FLV carry it. */
export interface MediaMessage {
  readonly kind: 'audio' | 'video' | 'data';
  readonly timestampMs: number;
  readonly payload: Buffer;
}

/** When a decoded picture is shown, and what it was in the source. */
export interface PictureTiming {
  readonly ptsMs: number;
  readonly dtsMs: number;
  readonly isKeyFrame: boolean;
}

/** Rates adapt to the time stamps; this is where they begin. */
const framesPerSecond = 30;
const avcKeyFrame = 0x17;
const avcInterFrame = 0x27;
const h264CodecId = 7;

/** One height: scaler and encoder, made for the pictures that come. Must be closed: its memory is native. */
export class Rung implements Disposable {
  readonly #options: RungOptions;
  readonly #scaler = new Scaler();
  #encoderKind: H264Encoder;
  #encoder: VideoEncoder | undefined;
  #layout = '';
  #lastDtsMs = -1;
  #delayMs = 0;

  constructor(options: RungOptions, encoder: H264Encoder) {
    this.#options = options;
    this.#encoderKind = encoder;
  }

  /** False until its first picture: sound without one is of no use. */
  get hasBegun(): boolean {
    return this.#encoder !== undefined;
  }

  /** True if the pictures are larger than what this rung would make of them. */
  isBelow({ width, height }: Pick<Frame, 'width' | 'height'>): boolean {
    return Math.min(width, height) > this.#options.height;
  }

  /**
   * One picture: set-up if it is new, then the access unit. Key frames are where the source has them, and where the
   * rung begins. Errors: AvError.
   */
  async encode(picture: Frame, timing: PictureTiming): Promise<MediaMessage[]> {
    const messages = await this.#setUp(picture, timing);
    const encoder = this.#encoder!;
    await this.#scaler.scale(picture, encoder.frame);
    const isKeyFrame = timing.isKeyFrame || messages.length > 0;
    const encoded = await encoder.encodeFrame(timing.ptsMs, isKeyFrame);
    if (timing.isKeyFrame) this.#delayMs = Math.max(0, timing.ptsMs - timing.dtsMs);
    return encoded ? [...messages, this.#messageOf(encoded)] : messages;
  }

  [Symbol.dispose](): void {
    this.#encoder?.[Symbol.dispose]();
    this.#scaler[Symbol.dispose]();
  }

  async #setUp(picture: Frame, { ptsMs }: PictureTiming): Promise<MediaMessage[]> {
    const layout = `${picture.width}x${picture.height}`;
    if (this.#layout === layout) return [];
    this.#encoder?.[Symbol.dispose]();
    this.#encoder = undefined;
    const size = scaledSize(picture, this.#options.height);
    this.#encoder = await this.#open({ ...size, colour: colourOf(picture) });
    this.#layout = layout;
    const metadata = { ...size, videocodecid: h264CodecId, encoder: 'Gala' };
    const header = Buffer.of(avcKeyFrame, 0, 0, 0, 0);
    const timestampMs = Math.max(this.#lastDtsMs, ptsMs - this.#delayMs, 0);
    return [
      { kind: 'data', timestampMs, payload: encodeMetadata(metadata) },
      { kind: 'video', timestampMs, payload: Buffer.concat([header, this.#encoder.decoderRecord]) },
    ];
  }

  /** An encoder in hardware may have fewer sessions than there are rungs. */
  async #open(picture: Pick<Frame, 'width' | 'height'> & { colour: ReturnType<typeof colourOf> }) {
    const { bitsPerSecond } = this.#options;
    const options = { ...picture, bitsPerSecond, framesPerSecond, preset: 'veryfast' };
    try {
      return await VideoEncoder.open({ ...options, encoder: this.#encoderKind });
    } catch (error) {
      if (this.#encoderKind === x264) throw error;
      this.#encoderKind = x264;
      return VideoEncoder.open(options);
    }
  }

  /** Decoding times as in the source, where they are as far before the picture is shown as its B-frames need. */
  #messageOf({ data, isKeyFrame, ptsMs }: EncodedPicture): MediaMessage {
    const timestampMs = Math.max(this.#lastDtsMs + 1, ptsMs - this.#delayMs, 0);
    this.#lastDtsMs = timestampMs;
    const header = Buffer.of(isKeyFrame ? avcKeyFrame : avcInterFrame, 1, 0, 0, 0);
    header.writeIntBE(ptsMs - timestampMs, 2, 3);
    return { kind: 'video', timestampMs, payload: Buffer.concat([header, data]) };
  }
}
