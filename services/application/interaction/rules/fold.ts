/** Longest comment in code points times the longest that NFKC makes of one (18, for U+FDFA). */
const unitsMax = 4096;
/** Code points above the basic plane whose folded form is kept. */
const astralMax = 4096;

const latinGreekCyrillic = /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}]/u;
const marks = /\p{Mn}/gu;
/** Spaces, punctuation, invisible characters, marks without a base, and the symbols that are put between letters. */
const dropped = /[\p{Z}\p{P}\p{C}\p{Mn}\p{Default_Ignorable_Code_Point}~^`|´¨¯\u{2800}]/gu;
/** Letters and digits of scripts that part words by spaces. */
const spacedLetter =
  /(?=[\p{L}\p{N}])[^\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Hang}\p{scx=Thai}\p{scx=Laoo}\p{scx=Khmr}\p{scx=Mymr}]/u;

const basic: (string | undefined)[] = Array.from({ length: 0x10000 });
const astral = new Map<number, string>();

/**
 * What is compared of a text: without case, width, accents of Latin, Greek and Cyrillic letters, compatibility forms
 * (NFKC, UAX #15), and without what is put between letters to hide a word. Every unit knows where it came from.
 * Reused for each text, so that a comment allocates nothing.
 */
export class Folded {
  readonly units = new Uint16Array(unitsMax);
  /** Of each unit, where its code point begins and ends in the text. */
  readonly starts = new Uint16Array(unitsMax);
  readonly ends = new Uint16Array(unitsMax);
  length = 0;

  /** Reads at most as much as a comment can have; what is longer is cut. */
  read(text: string): this {
    this.length = 0;
    for (let at = 0; at < text.length;) {
      const point = text.codePointAt(at) ?? 0;
      const end = at + (point > 0xffff ? 2 : 1);
      const folded = point > 0xffff ? foldAstral(point) : (basic[point] ??= fold(point));
      if (this.length + folded.length > unitsMax) return this;
      for (let unit = 0; unit < folded.length; unit++) this.#push(folded.charCodeAt(unit), at, end);
      at = end;
    }
    return this;
  }

  /** A number for what was read: two texts that are folded to the same have the same, others hardly ever. */
  hash(): number {
    let low = 0x811c9dc5;
    let high = 0x9e3779b9;
    for (let at = 0; at < this.length; at++) {
      low = Math.imul(low ^ this.units[at], 0x01000193);
      high = Math.imul(high ^ this.units[at], 0x85ebca6b) ^ (high >>> 15);
    }
    return (low >>> 0) * 0x200000 + (high >>> 11);
  }

  #push(unit: number, start: number, end: number): void {
    this.units[this.length] = unit;
    this.starts[this.length] = start;
    this.ends[this.length] = end;
    this.length++;
  }
}

/** True for a letter or digit whose neighbours of the same kind belong to the same word. */
export function isSpacedLetter(point: number | undefined): boolean {
  return point !== undefined && spacedLetter.test(String.fromCodePoint(point));
}

function foldAstral(point: number): string {
  const known = astral.get(point);
  if (known !== undefined) return known;
  if (astral.size >= astralMax) astral.clear();
  const folded = fold(point);
  astral.set(point, folded);
  return folded;
}

/** Lower case both before and after, since some letters have a compatibility form only in one case. */
function fold(point: number): string {
  const text = String.fromCodePoint(point).toWellFormed();
  const plain = latinGreekCyrillic.test(text) ? text.normalize('NFKD').replace(marks, '') : text;
  return plain.normalize('NFKC').toLowerCase().normalize('NFKC').replace(dropped, '');
}
