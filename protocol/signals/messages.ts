import type { Batch, ClientKind, RoomRules, Signal, StatePart, Tier } from './signal.ts';

/** Subprotocols of `/signal`: server messages in the compact binary form, or in JSON; clients always send JSON. */
export const binarySubprotocol = 'gala.signals.v1';
export const jsonSubprotocol = 'gala.signals.v1.json';

/** Longest message that a client may send, in bytes. */
export const clientMessageBytesMax = 4096;
export const commentLengthMax = 200;

/** A place in what a room says. */
export interface Position {
  readonly epoch: number;
  readonly offset: number;
  /** Of the last batch, or the welcome: what control and money he has, whatever becomes of the epoch. */
  readonly durable: number;
}

/** The first message, once; the room is the ticket's. */
export interface HelloMessage {
  readonly type: 'hello';
  readonly ticket: string;
  readonly client: ClientKind;
  /** What it has already, after a lost connection. */
  readonly resume?: Position & { readonly stateVersion: number };
}

/** What a viewer says. */
export type ClientSignal =
  | { readonly type: 'comment'; readonly text: string; readonly mediaMs?: number }
  | { readonly type: 'like'; readonly count: number }
  | { readonly type: 'retract'; readonly signalId: string };

export interface SendMessage {
  readonly type: 'send';
  /** Chosen by the client; said again with the same one it counts once. At most 32 characters. */
  readonly id: string;
  readonly signal: ClientSignal;
}

/** Asks for what is missing after a gap. */
export interface RepairMessage {
  readonly type: 'repair';
  readonly after: Position;
}

/** Asks for the parts of the state that it does not have in these versions. */
export interface StateMessage {
  readonly type: 'state';
  readonly versions: Readonly<Record<string, number>>;
}

/** How playing goes: one whose media stalls gets less to draw. */
export interface HealthMessage {
  readonly type: 'health';
  readonly media: 'good' | 'poor' | 'stalled';
}

export interface PingMessage {
  readonly type: 'ping';
  readonly atMs: number;
}

export type ClientMessage =
  | HelloMessage
  | SendMessage
  | RepairMessage
  | StateMessage
  | HealthMessage
  | PingMessage;

export interface WelcomeMessage {
  readonly type: 'welcome';
  readonly epoch: number;
  readonly durable: number;
  /**
   * Where the client stands now. Batches that bring what it missed come before this message, in order, and those of
   * the present after it; so what it lacks up to here when it reads this is gone for good.
   */
  readonly offset: number;
  /** False: something of what it missed is gone for good, and it must say so. Control and money are complete even then. */
  readonly isComplete: boolean;
  readonly stateVersion: number;
  readonly state: readonly StatePart[];
  readonly rules: RoomRules;
  readonly tier: Tier;
  readonly serverMs: number;
  /** A client that hears nothing for so long is cut off. */
  readonly heartBeatMs: number;
  /** Opens the next connection after this one; same as the ticket, but without asking the gateway. */
  readonly resumeTicket: string;
}

export interface BatchMessage {
  readonly type: 'batch';
  readonly batch: Batch;
}

export interface ReplyMessage {
  readonly type: 'reply';
  readonly id: string;
  /** Empty: accepted. */
  readonly code: string;
  /** 0: not again. */
  readonly retryAfterMs: number;
  readonly signalId: string;
  readonly isHeld: boolean;
}

export interface StatePartsMessage {
  readonly type: 'state';
  readonly stateVersion: number;
  readonly parts: readonly StatePart[];
  /** These are all parts that there are, and not the answer to what one client lacks. */
  readonly isWhole?: boolean;
}

/** The end of a repair: everything up to `offset` has been sent before this message, or is gone for good. */
export interface RepairedMessage {
  readonly type: 'repaired';
  readonly epoch: number;
  readonly offset: number;
  readonly durable: number;
  readonly isComplete: boolean;
}

/** To this user alone. */
export interface PeerMessage {
  readonly type: 'peer';
  readonly signal: Signal;
}

export interface PongMessage {
  readonly type: 'pong';
  readonly atMs: number;
  readonly serverMs: number;
}

/** Go to one of these instead, within this time; nothing is missed. */
export interface MoveMessage {
  readonly type: 'move';
  readonly urls: readonly string[];
  readonly withinMs: number;
}

/** The last message before the server closes. */
export interface ByeMessage {
  readonly type: 'bye';
  readonly code: string;
  readonly retryAfterMs: number;
}

export type ServerMessage =
  | WelcomeMessage
  | BatchMessage
  | ReplyMessage
  | StatePartsMessage
  | RepairedMessage
  | PeerMessage
  | PongMessage
  | MoveMessage
  | ByeMessage;
