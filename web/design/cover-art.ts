export const patterns = ['rings', 'stripes', 'dots', 'arcs', 'blocks'] as const;
export type Pattern = (typeof patterns)[number];

export interface CoverArt {
  /** 0…359, on the oklch circle. */
  readonly hue: number;
  readonly pattern: Pattern;
  /** -24…24 degrees. */
  readonly turn: number;
  readonly initials: string;
}

/** Hues that stand apart; neighbours on the circle would look like one colour. */
const hues = [28, 52, 84, 128, 162, 196, 232, 262, 340, 8];

/** The look of a host without a picture: always the same for the same name, and honestly no photograph. */
export function coverArtOf(name: string): CoverArt {
  const hash = hashOf(name.toLowerCase());
  return {
    hue: hues[hash % hues.length] ?? 28,
    pattern: patterns[Math.floor(hash / 16) % patterns.length] ?? 'rings',
    turn: (Math.floor(hash / 256) % 49) - 24,
    initials: initialsOf(name),
  };
}

/** First letters of the first two parts of a name, or its first two letters. */
export function initialsOf(name: string): string {
  const parts = name.split(/[^\p{L}\p{N}]+/u).filter((part) => part !== '');
  const [first = '', second] = parts;
  const letters =
    second === undefined
      ? Array.from(first).slice(0, 2)
      : [first, second].map((part) => Array.from(part)[0] ?? '');
  return letters.join('').toUpperCase();
}

/** FNV-1a, 32 bit, over UTF-16 units. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return (hash ^ (hash >>> 15)) >>> 0;
}
