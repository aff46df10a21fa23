import type { Author, CommentSignal, RoomRules, Signal } from '@gala/protocol/signals';

/** What became of something that was said here and is not, or not yet, among what the room says. */
export type OwnState =
  | { readonly kind: 'sending' }
  | { readonly kind: 'sent' }
  /** Shown when a moderator agrees. */
  | { readonly kind: 'held' }
  /** `retryAtMs` by the page's clock; 0: waiting does not help. */
  | { readonly kind: 'refused'; readonly code: string; readonly retryAtMs: number };

interface LineBase {
  readonly key: number;
}

export interface CommentLine extends LineBase {
  readonly kind: 'comment';
  readonly signalId: string;
  readonly author: Author;
  readonly text: string;
  readonly count: number;
  readonly isOwn: boolean;
  readonly isRetracted: boolean;
}

export interface OwnLine extends LineBase {
  readonly kind: 'own';
  readonly signalId: string;
  readonly text: string;
  readonly state: OwnState;
}

export interface EventLine extends LineBase {
  readonly kind: 'enter' | 'follow' | 'gift';
  readonly author: Author;
  readonly count: number;
}

export interface RulesLine extends LineBase {
  readonly kind: 'rules';
  readonly rules: RoomRules;
}

export interface GapLine extends LineBase {
  readonly kind: 'gap';
  /** Undefined: nobody knows how many. */
  readonly count: number | undefined;
}

export interface EndedLine extends LineBase {
  readonly kind: 'ended';
}

export type ChatLine = CommentLine | OwnLine | EventLine | RulesLine | GapLine | EndedLine;

type NewLine = ChatLine extends infer Line ? (Line extends ChatLine ? Omit<Line, 'key'> : never) : never;

/** Lines on the page; older ones go. */
export const linesMax = 200;

/**
 * What the chat shows, oldest first: bounded, and a new array for every change. While the reader looks back it stands
 * still, and what comes waits beside it, bounded likewise.
 */
export class LineList {
  /** Of the reader; 0 for a guest. */
  userId = 0;
  #shown: readonly ChatLine[] = [];
  #waiting: ChatLine[] = [];
  /** Came while the reader looked back. */
  #waitingCount = 0;
  #isHeld = false;
  #keys = 0;

  get shown(): readonly ChatLine[] {
    return this.#shown;
  }

  get waitingCount(): number {
    return this.#waitingCount;
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** The reader looks back: nothing moves under his eyes. */
  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.#shown = [...this.#shown, ...this.#waiting].slice(-linesMax);
    this.#waiting = [];
    this.#waitingCount = 0;
  }

  add(signals: readonly Signal[]): void {
    const lines: ChatLine[] = [];
    for (const signal of signals) {
      if (signal.type === 'retract') this.#retract(({ signalId }) => signalId === signal.retracted, lines);
      else if (signal.type === 'mute') this.#mute(signal, lines);
      else {
        const line = this.#lineOf(signal);
        if (line) lines.push({ ...line, key: ++this.#keys });
      }
    }
    this.#append(lines);
  }

  /** Something is lost for good: said, not hidden. */
  addGap(count: number | undefined): void {
    this.#append([{ kind: 'gap', count, key: ++this.#keys }]);
  }

  /** What is being sent; gives its key. Always seen at once, also by one who looked back. */
  addOwn(text: string): number {
    this.release();
    const key = ++this.#keys;
    this.#append([{ kind: 'own', signalId: '', text, state: { kind: 'sending' }, key }]);
    return key;
  }

  /** The room's own line of it may have come before its answer: then that one stays. */
  settleOwn(key: number, state: OwnState, signalId = ''): void {
    const isShown = signalId !== '' && this.#has(signalId);
    this.#replace((line) => {
      if (line.key !== key || line.kind !== 'own') return line;
      return isShown ? undefined : { ...line, state, signalId };
    });
  }

  remove(key: number): void {
    this.#replace((line) => (line.key === key ? undefined : line));
  }

  #lineOf(signal: Signal): NewLine | undefined {
    switch (signal.type) {
      case 'comment':
        return this.#commentOf(signal);
      case 'enter':
      case 'gift':
        return { kind: signal.type, author: signal.author, count: signal.count };
      case 'follow':
        return { kind: 'follow', author: signal.author, count: 1 };
      case 'rules':
        return { kind: 'rules', rules: signal.rules };
      case 'ended':
        return { kind: 'ended' };
      default:
        return undefined;
    }
  }

  #commentOf({ signalId, author, text, count }: CommentSignal): NewLine {
    this.#replace((line) => (line.kind === 'own' && line.signalId === signalId ? undefined : line));
    const isOwn = author.userId !== 0 && author.userId === this.userId;
    return { kind: 'comment', signalId, author, text, count, isOwn, isRetracted: false };
  }

  #mute(
    { userId, removes }: { readonly userId: number; readonly removes: boolean },
    fresh: ChatLine[],
  ): void {
    if (removes) this.#retract((line) => line.kind === 'comment' && line.author.userId === userId, fresh);
  }

  /** Among those that are on the page, that wait, and that came in the same batch. */
  #retract(isMeant: (line: CommentLine | OwnLine) => boolean, fresh: ChatLine[]): void {
    const change = (line: ChatLine): ChatLine | undefined => {
      if (line.kind === 'own' && line.signalId !== '' && isMeant(line)) return undefined;
      return line.kind === 'comment' && !line.isRetracted && isMeant(line)
        ? { ...line, isRetracted: true }
        : line;
    };
    this.#replace(change);
    fresh.splice(0, fresh.length, ...changed(fresh, change));
  }

  #has(signalId: string): boolean {
    const isIt = (line: ChatLine): boolean => line.kind === 'comment' && line.signalId === signalId;
    return this.#shown.some(isIt) || this.#waiting.some(isIt);
  }

  #append(lines: readonly ChatLine[]): void {
    if (lines.length === 0) return;
    if (this.#isHeld) {
      this.#waiting = [...this.#waiting, ...lines].slice(-linesMax);
      this.#waitingCount += lines.length;
    } else this.#shown = [...this.#shown, ...lines].slice(-linesMax);
  }

  #replace(change: (line: ChatLine) => ChatLine | undefined): void {
    this.#shown = changed(this.#shown, change);
    this.#waiting = [...changed(this.#waiting, change)];
  }
}

/** The same array when nothing changes, so that nothing is drawn again. */
function changed(
  lines: readonly ChatLine[],
  change: (line: ChatLine) => ChatLine | undefined,
): readonly ChatLine[] {
  const next = lines.map(change);
  return next.every((line, index) => line === lines[index])
    ? lines
    : next.filter((line) => line !== undefined);
}
