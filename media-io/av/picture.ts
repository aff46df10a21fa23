import type { AVPixelFormat } from 'node-av/constants';
import { Frame } from 'node-av/lib';
import { check } from './result.ts';

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

/** What the numbers in a picture mean (ITU-T H.273), as native frames and contexts name it. */
export type Colour = Readonly<
  Partial<Pick<Frame, 'colorRange' | 'colorSpace' | 'colorPrimaries' | 'colorTrc'>>
>;

export interface PictureLayout {
  readonly width: number;
  readonly height: number;
  readonly colour?: Colour;
}

/** A native picture of that size. Errors: AvError; it must be freed. */
export function allocatePicture({ width, height, colour }: PictureLayout, format: AVPixelFormat): Frame {
  const frame = new Frame();
  frame.alloc();
  Object.assign(frame, { format, width, height, ...colour });
  check(frame.getBuffer(), 'allocating a picture');
  return frame;
}

/** The planes of a picture in AV_PIX_FMT_YUV420P. */
export function planesOf(frame: Frame): Picture {
  const [luma, blue, red] = frame.data ?? [];
  const [lumaStride, chromaStride] = frame.linesize;
  return { width: frame.width, height: frame.height, luma, blue, red, lumaStride, chromaStride };
}

export function colourOf({ colorRange, colorSpace, colorPrimaries, colorTrc }: Frame): Colour {
  return { colorRange, colorSpace, colorPrimaries, colorTrc };
}
