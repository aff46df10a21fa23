/**
 * What a room says to its viewers, and what they say to it (docs/signals.md). Three kinds: `series` (TS), sequenced
 * by room; `state` (SS), of which the latest value counts; `peer` (PD), to named users alone.
 */

/** From what is never lost to what is shed first; a class is its place in this list. */
export const signalClasses = ['control', 'money', 'host', 'member', 'system', 'ambient'] as const;
export type SignalClass = (typeof signalClasses)[number];

/** How much of a room a client gets: by its queue, its media health and the load of its node. */
export const tiers = ['full', 'reduced', 'minimal', 'control'] as const;
export type Tier = (typeof tiers)[number];

/** In a room, from most to least. */
export const roomRoles = ['operator', 'host', 'moderator', 'viewer'] as const;
export type RoomRole = (typeof roomRoles)[number];

/** Who said it, as others see him. */
export interface Author {
  /** 0 for one who has not signed in. */
  readonly userId: number;
  readonly name: string;
  readonly role: RoomRole;
}

interface SignalBase {
  readonly class: SignalClass;
  /** In the room's epoch; every signal of the series has its own, and those that are merged the last of theirs. */
  readonly offset: number;
  /** When the owner of the room took it, in ms since 1970. */
  readonly atMs: number;
  /** Names it for retraction; empty for what cannot be retracted. */
  readonly signalId: string;
  /** Place in the stream, in ms of its timeline, that the author saw; absent when he saw none. */
  readonly mediaMs?: number;
  /** Only for clients of this kind. */
  readonly filter?: ClientFilter;
}

/** Kinds of clients that a signal is for; a client that does not match is not sent it. */
export interface ClientFilter {
  /** Empty: any. */
  readonly platforms: readonly string[];
  readonly versionMin: number;
  /** Empty: none is needed. */
  readonly capability: string;
}

/** What a client says of itself in its hello. */
export interface ClientKind {
  readonly platform: string;
  readonly version: number;
  readonly capabilities: readonly string[];
}

export interface CommentSignal extends SignalBase {
  readonly type: 'comment';
  readonly author: Author;
  readonly text: string;
  /** How many said the same and were folded into this one; 1 for one alone. */
  readonly count: number;
}

export interface LikeSignal extends SignalBase {
  readonly type: 'like';
  readonly count: number;
}

/** Somebody came; `count` says how many for whom this one stands. */
export interface EnterSignal extends SignalBase {
  readonly type: 'enter';
  readonly author: Author;
  readonly count: number;
}

export interface FollowSignal extends SignalBase {
  readonly type: 'follow';
  readonly author: Author;
}

export interface GiftSignal extends SignalBase {
  readonly type: 'gift';
  readonly author: Author;
  readonly giftId: string;
  /** How many in this combo. */
  readonly count: number;
  /** Of the wallet's ledger; empty for none. */
  readonly entryId: string;
}

/** A comment is taken back, by its author or a moderator. */
export interface RetractSignal extends SignalBase {
  readonly type: 'retract';
  readonly retracted: string;
}

/** A user may not speak until then (0: he may again); all his comments go when `removes`. */
export interface MuteSignal extends SignalBase {
  readonly type: 'mute';
  readonly userId: number;
  readonly untilMs: number;
  readonly removes: boolean;
}

/** The rules of the room from now on. */
export interface RulesSignal extends SignalBase {
  readonly type: 'rules';
  readonly rules: RoomRules;
}

export interface EndedSignal extends SignalBase {
  readonly type: 'ended';
}

/** Of another service or an installation's own: `name` says what `data` is. */
export interface NoticeSignal extends SignalBase {
  readonly type: 'notice';
  readonly name: string;
  /** JSON. */
  readonly data: unknown;
}

/** One signal of a room's series. */
export type Signal =
  | CommentSignal
  | LikeSignal
  | EnterSignal
  | FollowSignal
  | GiftSignal
  | RetractSignal
  | MuteSignal
  | RulesSignal
  | EndedSignal
  | NoticeSignal;

/** How clients get what a room says: changeable while they listen. */
export const deliveries = ['push', 'pull', 'cached'] as const;
export type Delivery = (typeof deliveries)[number];

/** What everyone may know of the rules of a room's chat. */
export interface RoomRules {
  /** 0: off. */
  readonly slowModeSeconds: number;
  readonly followersOnly: boolean;
  readonly emoteOnly: boolean;
  readonly uniqueChat: boolean;
  /** What is said is shown only when a moderator agrees. */
  readonly holdsAll: boolean;
  /** Nobody but host and moderators may speak. */
  readonly isClosed: boolean;
  readonly delivery: Delivery;
}

/** Rules of a room that nobody has restricted. */
export const openRules: RoomRules = {
  slowModeSeconds: 0,
  followersOnly: false,
  emoteOnly: false,
  uniqueChat: false,
  holdsAll: false,
  isClosed: false,
  delivery: 'push',
};

/** A part of a room's state. */
export interface StatePart {
  /** `viewers`, `likes`, `rank`, `announcement`, `rules`, or another service's. */
  readonly name: string;
  readonly version: number;
  /** Version of the whole when this part got its value. */
  readonly stateVersion: number;
  readonly value: unknown;
}

/** Values of the parts that Gala itself writes. */
export interface RoomState {
  readonly viewers: { readonly count: number; readonly isApproximate: boolean };
  readonly likes: { readonly total: number };
  /** Those who did most, most first. */
  readonly rank: { readonly top: readonly (Author & { readonly score: number })[] };
  readonly announcement: { readonly text: string };
  readonly rules: RoomRules;
}

/** Names of these: no other service writes them. */
export const ownStateParts = [
  'viewers',
  'likes',
  'rank',
  'announcement',
  'rules',
] as const satisfies readonly (keyof RoomState)[];

/** What became of the signals of one class: offered = items + merged + shed, where items are those in the batch. */
export interface ClassCount {
  readonly class: SignalClass;
  readonly offered: number;
  readonly merged: number;
  readonly shed: number;
}

/** What one tick of a room brings to a client. Follows what it has without a gap when `from` is its offset + 1. */
export interface Batch {
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
  readonly atMs: number;
  /** Of the room's whole state after this batch: a client that has less asks for what it lacks. */
  readonly stateVersion: number;
  /**
   * Number of the room's last control or money signal up to here. It goes on over epochs, so that one who comes back
   * is told exactly those that he lacks.
   */
  readonly durable: number;
  readonly tier: Tier;
  readonly counts: readonly ClassCount[];
  readonly signals: readonly Signal[];
  readonly state: readonly StatePart[];
}
