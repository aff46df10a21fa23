import type { Picture } from '@gala/media-io/av';

/** A rectangle in whole pixels; chroma is half of it, so all are even. */
interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Limited-range BT.601 colour: luma, blue and red difference. */
type Colour = readonly [luma: number, blue: number, red: number];

/** 75 % colour bars: white, yellow, cyan, green, magenta, red, blue. */
const bars: readonly Colour[] = [
  [180, 128, 128],
  [162, 44, 142],
  [131, 156, 44],
  [112, 72, 58],
  [84, 184, 198],
  [65, 100, 212],
  [35, 212, 114],
];
const black: Colour = [16, 128, 128];
const white: Colour = [235, 128, 128];
const gold: Colour = [170, 60, 160];

/** Bits of the frame counter that are drawn as squares, least significant first. */
export const counterBits = 16;

/** Segments of a digit, as rectangles in a grid 4 wide and 7 high: top, the two left, the two right, middle, bottom. */
const segments: readonly Area[] = [
  { x: 0, y: 0, width: 4, height: 1 },
  { x: 0, y: 0, width: 1, height: 4 },
  { x: 3, y: 0, width: 1, height: 4 },
  { x: 0, y: 3, width: 4, height: 1 },
  { x: 0, y: 3, width: 1, height: 4 },
  { x: 3, y: 3, width: 1, height: 4 },
  { x: 0, y: 6, width: 4, height: 1 },
];
/** Lit segments of 0..9. */
const digits = [
  '1110111',
  '0010010',
  '1011101',
  '1011011',
  '0111010',
  '1101011',
  '1101111',
  '1010010',
  '1111111',
  '1111011',
];

/**
 * The picture of the demo: colour bars, a marker that crosses them once in two seconds, the time of day and the
 * frame number, in digits for people and in squares for programs. Only what changes is drawn again.
 */
export class TestCard {
  readonly #picture: Picture;
  readonly #unit: number;

  constructor(picture: Picture) {
    this.#picture = picture;
    this.#unit = even(picture.height / 60);
    this.#fill({ x: 0, y: 0, width: picture.width, height: picture.height }, black);
  }

  draw(frame: number, at: Date, elapsedMs: number): void {
    this.#drawBars(elapsedMs);
    this.#drawText(clockText(at), { x: this.#unit * 4, y: even(this.#picture.height * 0.66) });
    this.#drawText(String(frame % 1_000_000).padStart(6, '0'), {
      x: even(this.#picture.width * 0.62),
      y: even(this.#picture.height * 0.66),
    });
    this.#drawCounter(frame);
  }

  #drawBars(elapsedMs: number): void {
    const { width, height } = this.#picture;
    const barsHeight = even(height * 0.55);
    const barWidth = even(width / bars.length);
    bars.forEach((colour, index) => {
      const x = index * barWidth;
      const isLast = index === bars.length - 1;
      this.#fill({ x, y: 0, width: isLast ? width - x : barWidth, height: barsHeight }, colour);
    });
    const marker = this.#unit * 4;
    const x = even(((elapsedMs % 2000) / 2000) * (width - marker));
    this.#fill({ x, y: 0, width: marker, height: barsHeight }, gold);
  }

  /** Squares along the lower edge, white for 1. */
  #drawCounter(frame: number): void {
    const { width, height } = this.#picture;
    const size = even(width / counterBits);
    const side = even(Math.min(size * 0.8, height * 0.1));
    for (let bit = 0; bit < counterBits; bit++) {
      const isSet = Math.floor(frame / 2 ** bit) % 2 === 1;
      this.#fill({ x: bit * size, y: even(height * 0.88), width: side, height: side }, isSet ? white : black);
    }
  }

  #drawText(text: string, { x, y }: { x: number; y: number }): void {
    const unit = this.#unit;
    let left = x;
    for (const character of text) {
      this.#fill({ x: left, y, width: unit * 5, height: unit * 7 }, black);
      if (character === ':') this.#drawColon(left, y);
      else this.#drawDigit(Number(character), left, y);
      left += unit * (character === ':' ? 3 : 5);
    }
  }

  #drawDigit(digit: number, x: number, y: number): void {
    const unit = this.#unit;
    segments.forEach((area, index) => {
      if (digits[digit][index] !== '1') return;
      const { width, height } = area;
      this.#fill(
        { x: x + area.x * unit, y: y + area.y * unit, width: width * unit, height: height * unit },
        white,
      );
    });
  }

  #drawColon(x: number, y: number): void {
    const unit = this.#unit;
    this.#fill({ x: x + unit, y: y + unit * 2, width: unit, height: unit }, white);
    this.#fill({ x: x + unit, y: y + unit * 4, width: unit, height: unit }, white);
  }

  #fill(area: Area, [luma, blue, red]: Colour): void {
    const picture = this.#picture;
    const half = halve(area);
    fillPlane({ plane: picture.luma, stride: picture.lumaStride }, area, luma);
    fillPlane({ plane: picture.blue, stride: picture.chromaStride }, half, blue);
    fillPlane({ plane: picture.red, stride: picture.chromaStride }, half, red);
  }
}

interface Plane {
  readonly plane: Buffer;
  /** Bytes from one row to the next. */
  readonly stride: number;
}

function fillPlane({ plane, stride }: Plane, area: Area, value: number): void {
  for (let row = area.y; row < area.y + area.height; row++) {
    plane.fill(value, row * stride + area.x, row * stride + area.x + area.width);
  }
}

function halve({ x, y, width, height }: Area): Area {
  return { x: x >> 1, y: y >> 1, width: width >> 1, height: height >> 1 };
}

function even(value: number): number {
  return Math.max(2, Math.round(value / 2) * 2);
}

function clockText(at: Date): string {
  return [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}
