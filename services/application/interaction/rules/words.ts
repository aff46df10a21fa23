import { setImmediate as nextTurn } from 'node:timers/promises';
import { Folded, isSpacedLetter } from './fold.ts';

/** What is done with a comment that has a word; the first of them that applies wins. */
export const wordActions = ['refuse', 'hold', 'mask'] as const;
export type WordAction = (typeof wordActions)[number];

/**
 * A word as its host wrote it. In scripts with spaces it stands for the whole word, `*` at its beginning or end for
 * words that go on there: `ass` leaves `class` alone, `*ass` does not.
 */
export interface WordRule {
  readonly word: string;
  readonly action: WordAction;
}

export const wordLengthMax = 64;
export const wordsMax = 10_000;

/** What the filter makes of a comment; `text` has what is masked replaced. */
export interface Filtered {
  readonly action: WordAction | undefined;
  readonly text: string;
}

interface Pattern {
  readonly units: Uint16Array;
  readonly action: WordAction;
  /** Whether it may begin or end in the middle of a word. */
  readonly opensStart: boolean;
  readonly opensEnd: boolean;
}

/** Building lets others through after so long, asked each time that so many words or nodes are done. */
const pieceMsMax = 2;
const wordsPerLook = 16;
const nodesPerLook = 256;

const folded = new Folded();

/** True for what a filter can look for. */
export function isWord(word: string): boolean {
  return word.length <= wordLengthMax && patternOf({ word, action: 'mask' }) !== undefined;
}

/**
 * Finds all words of a list in one pass over a text (A. V. Aho and M. J. Corasick, 1975). Nodes are numbers; the edge
 * to a node is found by a hash of its parent and unit, so that the whole automaton is a few typed arrays.
 */
export class WordFilter {
  static readonly empty = new WordFilter([]);
  readonly #patterns: readonly Pattern[];
  readonly #parent: Int32Array;
  readonly #unit: Uint16Array;
  readonly #depth: Uint8Array;
  readonly #edges: Int32Array;
  readonly #edgeMask: number;
  /** Node of the longest suffix that begins a word too. */
  readonly #fail: Int32Array;
  /** 1 + index of the word that ends here; 0 for none. */
  readonly #word: Int32Array;
  /** The next node on the way of failures at which a word ends. */
  readonly #nextWord: Int32Array;
  #nodes = 1;

  /** Builds in short steps, for lists of any length. Words that fold to nothing are left out. */
  static async build(rules: readonly WordRule[]): Promise<WordFilter> {
    if (rules.length === 0) return WordFilter.empty;
    const pieces = new Pieces();
    const patterns: Pattern[] = [];
    for (let at = 0; at < rules.length; at++) {
      const pattern = patternOf(rules[at]);
      if (pattern) patterns.push(pattern);
      if (at % wordsPerLook === 0 && pieces.isOver) await pieces.next();
    }
    const filter = new WordFilter(patterns);
    for (let at = 0; at < patterns.length; at++) {
      filter.#add(at);
      if (at % wordsPerLook === 0 && pieces.isOver) await pieces.next();
    }
    await pieces.next();
    await filter.#link(pieces);
    return filter;
  }

  private constructor(patterns: readonly Pattern[]) {
    const nodesMax = patterns.reduce((sum, { units }) => sum + units.length, 1);
    const slots = 2 ** Math.ceil(Math.log2(nodesMax * 2));
    this.#patterns = patterns;
    this.#parent = new Int32Array(nodesMax);
    this.#unit = new Uint16Array(nodesMax);
    this.#depth = new Uint8Array(nodesMax);
    this.#edges = new Int32Array(slots);
    this.#edgeMask = slots - 1;
    this.#fail = new Int32Array(nodesMax);
    this.#word = new Int32Array(nodesMax);
    this.#nextWord = new Int32Array(nodesMax);
  }

  get size(): number {
    return this.#patterns.length;
  }

  apply(text: string): Filtered {
    if (this.#patterns.length === 0) return { action: undefined, text };
    folded.read(text);
    let action: WordAction | undefined;
    let masked: [start: number, end: number][] | undefined;
    let node = 0;
    for (let at = 0; at < folded.length; at++) {
      node = this.#next(node, folded.units[at]);
      for (let found = this.#word[node] ? node : this.#nextWord[node]; found; found = this.#nextWord[found]) {
        const pattern = this.#patterns[this.#word[found] - 1];
        const start = folded.starts[at - pattern.units.length + 1];
        const end = folded.ends[at];
        if (!isWhole(text, { start, end, pattern })) continue;
        if (pattern.action === 'refuse') return { action: 'refuse', text };
        if (pattern.action === 'mask') (masked ??= []).push([start, end]);
        if (action !== 'hold') action = pattern.action;
      }
    }
    return { action, text: masked ? mask(text, masked) : text };
  }

  #next(from: number, unit: number): number {
    for (let node = from; ; node = this.#fail[node]) {
      const child = this.#child(node, unit);
      if (child !== 0 || node === 0) return child;
    }
  }

  #child(node: number, unit: number): number {
    for (let slot = this.#slot(node, unit); ; slot = (slot + 1) & this.#edgeMask) {
      const child = this.#edges[slot];
      if (child === 0 || (this.#parent[child] === node && this.#unit[child] === unit)) return child;
    }
  }

  #slot(node: number, unit: number): number {
    const mixed = Math.imul(Math.imul(node, 0x9e3779b1) ^ unit, 0x85ebca6b);
    return (mixed ^ (mixed >>> 15)) & this.#edgeMask;
  }

  /** Of two words that fold to the same the sterner one stands. */
  #add(index: number): void {
    const pattern = this.#patterns[index];
    let node = 0;
    for (const unit of pattern.units) node = this.#child(node, unit) || this.#grow(node, unit);
    const other = this.#word[node] === 0 ? undefined : this.#patterns[this.#word[node] - 1];
    if (!other || isSterner(pattern, other)) this.#word[node] = index + 1;
  }

  #grow(parent: number, unit: number): number {
    const node = this.#nodes++;
    this.#parent[node] = parent;
    this.#unit[node] = unit;
    this.#depth[node] = this.#depth[parent] + 1;
    let slot = this.#slot(parent, unit);
    while (this.#edges[slot] !== 0) slot = (slot + 1) & this.#edgeMask;
    this.#edges[slot] = node;
    return node;
  }

  /** By depth, since a failure leads to a node that is less deep. */
  async #link(pieces: Pieces): Promise<void> {
    const order = byDepth(this.#depth.subarray(0, this.#nodes));
    for (let done = 0; done < order.length; done++) {
      const node = order[done];
      const parent = this.#parent[node];
      const fail = parent === 0 ? 0 : this.#next(this.#fail[parent], this.#unit[node]);
      this.#fail[node] = fail;
      this.#nextWord[node] = this.#word[fail] ? fail : this.#nextWord[fail];
      if (done % nodesPerLook === 0 && pieces.isOver) await pieces.next();
    }
  }
}

/** Work that is done in pieces, so that nobody waits for the whole of it. */
class Pieces {
  #beganMs = performance.now();

  get isOver(): boolean {
    return performance.now() - this.#beganMs > pieceMsMax;
  }

  async next(): Promise<void> {
    await nextTurn();
    this.#beganMs = performance.now();
  }
}

function patternOf({ word, action }: WordRule): Pattern | undefined {
  const text = word.normalize('NFC');
  folded.read(text);
  if (folded.length === 0 || folded.length > 255) return undefined;
  const units = folded.units.slice(0, folded.length);
  const first = text.codePointAt(folded.starts[0]);
  const last = text.codePointAt(folded.starts[folded.length - 1]);
  const opensStart = text.startsWith('*') || !isSpacedLetter(first);
  const opensEnd = text.endsWith('*') || !isSpacedLetter(last);
  return { units, action, opensStart, opensEnd };
}

function isSterner(one: Pattern, other: Pattern): boolean {
  const [rank, otherRank] = [wordActions.indexOf(one.action), wordActions.indexOf(other.action)];
  if (rank !== otherRank) return rank < otherRank;
  return Number(one.opensStart) + Number(one.opensEnd) > Number(other.opensStart) + Number(other.opensEnd);
}

/** Every node but the root, the least deep first. */
function byDepth(depths: Uint8Array): Int32Array {
  const places = new Int32Array(257);
  for (let node = 1; node < depths.length; node++) places[depths[node] + 1]++;
  for (let depth = 1; depth < places.length; depth++) places[depth] += places[depth - 1];
  const order = new Int32Array(depths.length - 1);
  for (let node = 1; node < depths.length; node++) order[places[depths[node]]++] = node;
  return order;
}

function isWhole(
  text: string,
  { start, end, pattern }: { readonly start: number; readonly end: number; readonly pattern: Pattern },
): boolean {
  if (!pattern.opensStart && isSpacedLetter(pointBefore(text, start))) return false;
  return pattern.opensEnd || !isSpacedLetter(text.codePointAt(end));
}

function pointBefore(text: string, at: number): number | undefined {
  if (at === 0) return undefined;
  const isLow = at >= 2 && (text.charCodeAt(at - 1) & 0xfc00) === 0xdc00;
  return text.codePointAt(isLow ? at - 2 : at - 1);
}

/** Every character of a masked word but spaces is a star. */
function mask(text: string, ranges: readonly (readonly [start: number, end: number])[]): string {
  let shown = '';
  let at = 0;
  for (const [start, end] of merged(ranges)) {
    shown += text.slice(at, start) + text.slice(start, end).replaceAll(/\S/gu, '*');
    at = end;
  }
  return shown + text.slice(at);
}

function merged(ranges: readonly (readonly [number, number])[]): [number, number][] {
  const sorted = ranges.toSorted(([a], [b]) => a - b);
  const wide: [number, number][] = [];
  for (const [start, end] of sorted) {
    const last = wide.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else wide.push([start, end]);
  }
  return wide;
}
