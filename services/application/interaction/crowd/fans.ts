import type { Author, RoomState } from '@gala/protocol/signals';

/** Fans of one room that are known; of more the lowest are forgotten, and begin with what was written of them. */
export const fansMax = 2000;
/** How many more there may be until they are sorted out, so that it is not done for each. */
const slack = 500;
const topSize = 10;
const tellEveryMs = 2000;

interface Fan {
  author: Author;
  /** What is known to be written, and what came since. */
  base: number;
  since: number;
  /** There may be more written than `base`. */
  isBaseKnown: boolean;
}

/** What is to be written of one user: added to what is there, or put in its place where that is known. */
export interface FanChange {
  readonly userId: number;
  readonly by: number;
  readonly score: number | undefined;
}

/** Those who do most for one room. Only those with the highest scores are known all the time. */
export class Fans {
  /** Scores that found no place. */
  dropped = 0;
  readonly #fans = new Map<number, Fan>();
  readonly #changed = new Set<number>();
  #isChanged = false;
  /** Somebody may be forgotten, as something was written since nobody could be. */
  #mayForget = true;
  #toldAtMs = -Infinity;
  #told = '';

  /** What owners before this one wrote, and the names that they told. */
  load(scores: ReadonlyMap<number, number>, told: RoomState['rank'] | undefined): void {
    const names = new Map(told?.top.map(({ userId, name, role }) => [userId, { userId, name, role }]));
    for (const [userId, base] of scores) {
      const fan = this.#fans.get(userId);
      const author = fan?.author ?? names.get(userId) ?? { userId, name: '', role: 'viewer' };
      const isLoaded = fan?.isBaseKnown === false;
      if (!fan || isLoaded)
        this.#fans.set(userId, { author, base, since: fan?.since ?? 0, isBaseKnown: true });
    }
    this.#isChanged ||= scores.size > 0;
  }

  /** Who has not signed in has no place in a rank. */
  score(author: Author, by: number): void {
    const { userId } = author;
    if (userId === 0 || !(by > 0)) return;
    let fan = this.#fans.get(userId);
    if (!fan) {
      if (this.#fans.size >= fansMax + slack && !this.#forgetLowest()) return void this.dropped++;
      fan = { author, base: 0, since: 0, isBaseKnown: false };
      this.#fans.set(userId, fan);
    }
    fan.author = author;
    fan.since += by;
    this.#changed.add(userId);
    this.#isChanged = true;
  }

  /** The part `rank` when it is to be told anew. */
  takeTop(nowMs: number): RoomState['rank'] | undefined {
    if (!this.#isChanged || Math.abs(nowMs - this.#toldAtMs) < tellEveryMs) return undefined;
    this.#isChanged = false;
    const top = this.#sorted()
      .slice(0, topSize)
      .map((fan) => ({ ...fan.author, score: scoreOf(fan) }));
    const text = JSON.stringify(top);
    if (text === this.#told) return undefined;
    this.#told = text;
    this.#toldAtMs = nowMs;
    return { top };
  }

  get isWritten(): boolean {
    return this.#changed.size === 0;
  }

  /** At most so many; `written` or `failed` is to follow for each. */
  takeUnwritten(most: number): FanChange[] {
    const changes: FanChange[] = [];
    for (const userId of this.#changed) {
      if (changes.length === most) break;
      const fan = this.#fans.get(userId)!;
      changes.push({ userId, by: fan.since, score: fan.isBaseKnown ? scoreOf(fan) : undefined });
      this.#changed.delete(userId);
    }
    return changes;
  }

  /** @param score as it stands now */
  written({ userId, by }: FanChange, score: number): void {
    const fan = this.#fans.get(userId);
    if (!fan) return;
    this.#mayForget = true;
    fan.since -= by;
    this.#isChanged ||= fan.base + by !== score;
    fan.base = score;
    fan.isBaseKnown = true;
  }

  failed({ userId }: FanChange): void {
    this.#changed.add(userId);
  }

  #sorted(): Fan[] {
    return [...this.#fans.values()].sort((a, b) => scoreOf(b) - scoreOf(a));
  }

  /** Only those go of whom everything is written. */
  #forgetLowest(): boolean {
    if (!this.#mayForget) return false;
    const before = this.#fans.size;
    for (const { author, since } of this.#sorted().slice(fansMax)) {
      if (since === 0) this.#fans.delete(author.userId);
    }
    this.#mayForget = this.#fans.size < before;
    return this.#mayForget;
  }
}

function scoreOf({ base, since }: Fan): number {
  return base + since;
}
