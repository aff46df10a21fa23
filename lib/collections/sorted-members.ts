interface Place {
  readonly member: string;
  readonly score: number;
}

/**
 * Members by score, lowest first, of equal scores by their bytes, as Redis orders them. An array kept in order: a
 * change moves the places behind it, which for the tens of thousands that a key may hold is one short copy.
 */
export class SortedMembers {
  readonly #scores = new Map<string, number>();
  readonly #places: Place[] = [];

  get size(): number {
    return this.#places.length;
  }

  scoreOf(member: string): number | undefined {
    return this.#scores.get(member);
  }

  /** True when the member is new. */
  set(member: string, score: number): boolean {
    const before = this.#scores.get(member);
    if (before === score) return false;
    if (before !== undefined) this.#places.splice(this.#indexOf(member, before), 1);
    this.#places.splice(this.#indexOf(member, score), 0, { member, score });
    this.#scores.set(member, score);
    return before === undefined;
  }

  remove(member: string): boolean {
    const score = this.#scores.get(member);
    if (score === undefined) return false;
    this.#places.splice(this.#indexOf(member, score), 1);
    return this.#scores.delete(member);
  }

  /** Place counted from the lowest. */
  indexOf(member: string): number | undefined {
    const score = this.#scores.get(member);
    return score === undefined ? undefined : this.#indexOf(member, score);
  }

  /** How many have less than `score`. */
  countBelow(score: number): number {
    return lowest(this.#places.length, (index) => this.#places[index].score >= score);
  }

  slice(begin: number, end: number): readonly Place[] {
    return this.#places.slice(begin, end);
  }

  /** Removes the `count` lowest; answers them. */
  dropLowest(count: number): readonly Place[] {
    const dropped = this.#places.splice(0, count);
    for (const { member } of dropped) this.#scores.delete(member);
    return dropped;
  }

  #indexOf(member: string, score: number): number {
    return lowest(this.#places.length, (index) => {
      const place = this.#places[index];
      return place.score === score ? compareUtf8(place.member, member) >= 0 : place.score > score;
    });
  }
}

/** The first index below `count` for which `holds`, which holds for all after it. */
function lowest(count: number, holds: (index: number) => boolean): number {
  let low = 0;
  for (let high = count; low < high;) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Order of the UTF-8 bytes: that of UTF-16 but for surrogates, which stand for what is above all others. */
function compareUtf8(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index++) {
    const [a, b] = [one.charCodeAt(index), other.charCodeAt(index)];
    if (a !== b) return weight(a) - weight(b);
  }
  return one.length - other.length;
}

function weight(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}
