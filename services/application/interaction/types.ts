import type {
  ClassCount,
  ClientSignal,
  RoomRole,
  RoomRules,
  RoomState,
  Signal,
  StatePart,
  Tier,
} from '@gala/protocol/signals';

type Without<Kind, Keys extends PropertyKey> = Kind extends unknown ? Omit<Kind, Keys> : never;

/** A signal that has no place in its room's sequence yet. */
export type Draft = Without<Signal, 'offset' | 'atMs'>;

/** Who speaks, as his ticket said and a node checked. */
export interface Speaker {
  /** 0 for one who has not signed in. */
  readonly userId: number;
  readonly name: string;
  readonly role: RoomRole;
  readonly device: string;
  readonly address: string;
}

export interface Said {
  readonly speaker: Speaker;
  readonly signal: ClientSignal;
  readonly nowMs: number;
}

/** What the rules of a room make of something said. */
export type Verdict =
  | { readonly kind: 'say'; readonly drafts: readonly Draft[] }
  /** Only the speaker believes that it was said: answered as accepted, told to him alone. */
  | { readonly kind: 'shadow'; readonly drafts: readonly Draft[] }
  /** Waits for a moderator. */
  | { readonly kind: 'hold'; readonly signalId: string }
  | { readonly kind: 'refuse'; readonly code: string; readonly retryAfterMs: number };

/** The rules of one open room: settings, sanctions, limits, words. Made when a room is opened; judging never waits. */
export interface Rulebook extends Disposable {
  readonly rules: RoomRules;
  /**
   * Looks up what is not known yet of those who are about to be judged; undefined when there is nothing to wait for,
   * which is nearly always. Never rejects: who is still unknown then is refused for a second where it matters.
   */
  prepare(speakers: readonly Speaker[]): Promise<void> | undefined;
  judge(said: Said): Verdict;
}

/** One room's signals of one tick, by tier, with what became of each. */
export interface TierTick {
  readonly tier: Tier;
  readonly counts: readonly ClassCount[];
  /** In the order of offsets. */
  readonly signals: readonly Signal[];
}

/** Merges and sheds what a room said between two ticks; offered = signals + merged + shed, by class and tier. */
export interface TickMerger {
  offer(signal: Signal): void;
  /**
   * All tiers, or undefined when nothing was offered. Tiers with the same outcome share the objects `signals` and
   * `counts`; two tiers that show equally many signals of a class show the same ones.
   */
  flush(nowMs: number): readonly TierTick[] | undefined;
}

/** The state of one open room (SS). Made when a room is opened; versions never go back, whoever owned it before. */
export interface RoomStateParts {
  /** Of the whole. */
  readonly version: number;
  /** Parts with a version above the one that is named for them. */
  above(versions: Readonly<Record<string, number>>): readonly StatePart[];
  set(name: string, value: unknown): void;
  /** Parts that changed since this was called last, for the batch of a tick. */
  takeChanged(nowMs: number): readonly StatePart[];
}

/** One viewer's connection at a node. */
export interface Connection {
  readonly node: string;
  readonly connection: number;
}

export interface Arrival {
  readonly connection: number;
  readonly speaker: Speaker;
}

/** What one node says of its viewers of one room. */
export interface Attendance {
  readonly connections: number;
  readonly joined: readonly Arrival[];
  readonly left: readonly number[];
  /** The joined are all that are there: what was known of this node is replaced. */
  readonly isWhole: boolean;
}

/** What comes of a report. */
export interface Noted {
  /** Those who came, to be said. */
  readonly enters: readonly Draft[];
  /** The next report of this node is to be whole: what is known of it is not all. */
  readonly wantsWhole: boolean;
}

/** Who is in one open room, by what the nodes report. */
export interface RoomPresence {
  report(node: string, attendance: Attendance, nowMs: number): Noted;
  /** The node is gone, or has no viewer of the room any more. */
  drop(node: string, nowMs: number): void;
  /** Where a user is; nowhere when he is not, or when there are more than are kept by name. */
  find(userId: number): readonly Connection[];
  /** To be asked after reports: the part `viewers` when it is to be told anew; it is at most once a second. */
  takeViewers(nowMs: number): RoomState['viewers'] | undefined;
}
