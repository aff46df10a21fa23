import type { Picture } from '@gala/media-io/av';
import { expect, test } from 'vitest';
import { counterBits, TestCard } from './test-card.ts';

function makePicture(width: number, height: number): Picture {
  const plane = (size: number) => Buffer.alloc(size);
  const chroma = (width / 2) * (height / 2);
  return {
    width,
    height,
    luma: plane(width * height),
    blue: plane(chroma),
    red: plane(chroma),
    lumaStride: width,
    chromaStride: width / 2,
  };
}

/** Reads the frame number back from the squares, as a program that watches would. */
function readCounter({ luma, lumaStride, width, height }: Picture): number {
  let value = 0;
  for (let bit = 0; bit < counterBits; bit++) {
    const x = Math.round(bit * (width / counterBits) + width / counterBits / 4);
    const y = Math.round(height * 0.88 + height * 0.04);
    if (luma[y * lumaStride + x] > 128) value += 2 ** bit;
  }
  return value;
}

test.each([[640, 360] as const, [320, 180] as const, [1280, 720] as const])(
  'the frame number stands in the picture of %i x %i',
  (width, height) => {
    const picture = makePicture(width, height);
    const card = new TestCard(picture);
    for (const frame of [0, 1, 2, 1000, 65_535, 12_345]) {
      card.draw(frame, new Date(0), frame * 33);
      expect(readCounter(picture)).toBe(frame);
    }
  },
);

test('the marker moves and the clock changes', () => {
  const picture = makePicture(640, 360);
  const card = new TestCard(picture);
  card.draw(1, new Date(1000), 0);
  const before = Buffer.from(picture.luma);
  card.draw(1, new Date(1000), 500);
  expect(picture.luma.equals(before)).toBe(false);
  const moved = Buffer.from(picture.luma);
  card.draw(1, new Date(2000), 500);
  expect(picture.luma.equals(moved)).toBe(false);
});
