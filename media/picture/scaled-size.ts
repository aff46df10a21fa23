/** In pixels. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** Even sizes with the aspect ratio kept, the shorter side `lines`. */
export function scaledSize({ width, height }: PictureSize, lines: number): PictureSize {
  const longer = 2 * Math.round((Math.max(width, height) * lines) / Math.min(width, height) / 2);
  return width >= height ? { width: longer, height: lines } : { width: lines, height: longer };
}
