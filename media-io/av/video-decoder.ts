import type { VideoConfig } from '@gala/media/mp4';
import { FF_DECODER_H264, FF_DECODER_HEVC, FF_DECODER_LIBDAV1D, FF_DECODER_VP9 } from 'node-av/constants';
import { Frame, Packet, type CodecContext } from 'node-av/lib';
import { milliseconds, openDecoder } from './codec.ts';

const decoders = {
  h264: FF_DECODER_H264,
  hevc: FF_DECODER_HEVC,
  vp9: FF_DECODER_VP9,
  av1: FF_DECODER_LIBDAV1D,
} as const;

/** One coded picture, as `AccessUnit` of media/mp4 has it. */
export interface CodedPicture {
  readonly payload: Buffer;
  readonly ptsMs: number;
}

/**
 * Decodes pictures in software on one thread, so that each comes out as soon as its order is known. Must be closed:
 * its memory is native.
 */
export class VideoDecoder implements Disposable {
  /** Pictures that could not be decoded. */
  damaged = 0;
  readonly #context: CodecContext;
  readonly #packet = new Packet();
  readonly #frame = new Frame();

  private constructor(context: CodecContext) {
    this.#context = context;
    this.#packet.alloc();
    this.#frame.alloc();
  }

  /** Errors: AvError. */
  static async open({ codec, record }: Pick<VideoConfig, 'codec' | 'record'>): Promise<VideoDecoder> {
    // VP9 has no set-up outside its pictures that a decoder would take.
    const extraData = codec === 'vp9' ? {} : { extraData: record };
    const fields = { ...extraData, threadCount: 1, timeBase: milliseconds, pktTimebase: milliseconds };
    return new VideoDecoder(await openDecoder(decoders[codec], { fields }));
  }

  /**
   * Pictures in order of presentation, `pts` in milliseconds; each is good until the next one is asked for. One that
   * is damaged is left out and counted.
   */
  async *decode({ payload, ptsMs }: CodedPicture): AsyncGenerator<Frame> {
    this.#packet.data = payload;
    this.#packet.pts = BigInt(ptsMs);
    const status = await this.#context.sendPacket(this.#packet);
    this.#packet.unref();
    if (status < 0) this.damaged++;
    yield* this.#ready();
  }

  /** The pictures that still wait for their turn. Nothing can be decoded afterwards. */
  async *finish(): AsyncGenerator<Frame> {
    if ((await this.#context.sendPacket(null)) >= 0) yield* this.#ready();
  }

  [Symbol.dispose](): void {
    this.#frame.free();
    this.#packet.free();
    this.#context.freeContext();
  }

  *#ready(): Generator<Frame> {
    while (this.#context.receiveFrameSync(this.#frame) >= 0) {
      try {
        yield this.#frame;
      } finally {
        this.#frame.unref();
      }
    }
  }
}
