import {
  AV_CODEC_FLAG_QSCALE,
  AV_PIX_FMT_YUVJ420P,
  AVCOL_RANGE_JPEG,
  FF_ENCODER_MJPEG,
} from 'node-av/constants';
import type { Frame } from 'node-av/lib';
import { bytesOf, EncodedPackets, milliseconds, openEncoder } from './codec.ts';
import { allocatePicture } from './picture.ts';
import { AvError, check } from './result.ts';
import { Scaler } from './scaler.ts';

export interface JpegOptions {
  /** Pictures are never made larger. */
  readonly widthMax: number;
  /** 2 (best) .. 31, as `-q:v` of ffmpeg. */
  readonly quality: number;
}

/** Units of the quality scale (FF_QP2LAMBDA). */
const lambdaPerQuality = 118;

/** A picture as a JPEG, not wider than `widthMax`. Errors: AvError. */
export async function encodeJpeg(source: Frame, { widthMax, quality }: JpegOptions): Promise<Buffer> {
  const width = even(Math.min(source.width, widthMax));
  const height = even((source.height * width) / source.width);
  const globalQuality = quality * lambdaPerQuality;
  using stack = new DisposableStack();
  const context = await openEncoder(FF_ENCODER_MJPEG, {
    fields: {
      width,
      height,
      pixelFormat: AV_PIX_FMT_YUVJ420P,
      colorRange: AVCOL_RANGE_JPEG,
      timeBase: milliseconds,
      globalQuality,
      threadCount: 1,
    },
    flags: [AV_CODEC_FLAG_QSCALE],
  });
  stack.defer(() => context.freeContext());
  const colour = { colorRange: AVCOL_RANGE_JPEG } as const;
  const target = stack.adopt(allocatePicture({ width, height, colour }, AV_PIX_FMT_YUVJ420P), freeFrame);
  await stack.use(new Scaler()).scale(source, target);
  Object.assign(target, { pts: 0n, quality: globalQuality });
  check(await context.sendFrame(target), 'encoding a JPEG');
  for (const packet of stack.use(new EncodedPackets(context)).ready()) return bytesOf(packet);
  throw new AvError('encoding a JPEG', -1);
}

function freeFrame(frame: Frame): void {
  frame.free();
}

function even(size: number): number {
  return Math.max(2, Math.round(size / 2) * 2);
}
