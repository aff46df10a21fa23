import type {
  Batch,
  ClientKind,
  Delivery,
  RoomRules,
  RoomState,
  Signal,
  SignalClass,
  StatePart,
  Tier,
} from '@gala/protocol/signals';

/** What the gateway answers to one who enters a room's chat: `enterSignals` of `/v1`. */
export interface SignalEntry {
  /** Signal nodes in the order to try: `wss://host/signal`. */
  readonly urls: readonly string[];
  /** Cursor pull and cacheable reads of the room; for the deliveries `pull` and `cached`. */
  readonly readUrls: readonly string[];
  readonly ticket: string;
  readonly expiresAtMs: number;
}

export interface RoomSignalsOptions {
  /**
   * Asks the gateway; called again when the ticket has expired or no node takes it. Rejecting with a `status` of 401,
   * 403, 404, 409 or 410 (`ApiError` has one) is final, everything else is tried again.
   */
  readonly enter: () => Promise<SignalEntry>;
  readonly client: ClientKind;
  /** Of the viewer, when he has signed in: what he says himself is always shown. */
  readonly userId?: number;
  /** Lines that one screen takes in a second; 20 otherwise. What is above is sampled fairly and counted. */
  readonly linesPerSecondMax?: number;
  /** Where the player is in the stream, in ms of its timeline; undefined while nothing plays. */
  readonly mediaMs?: () => number | undefined;
  /** For Node or tests; the one of the platform otherwise. */
  readonly webSocket?: typeof WebSocket;
  readonly fetch?: typeof fetch;
}

export type ConnectionStatus = 'idle' | 'connecting' | 'open' | 'waiting' | 'closed';

/** What became of what one said. */
export type SendResult =
  | { readonly ok: true; readonly signalId: string; readonly isHeld: boolean }
  | { readonly ok: false; readonly code: string; readonly retryAfterMs: number };

/** A hole in what a room said. */
export interface Gap {
  readonly epoch: number;
  readonly from: number;
  /** Undefined: up to the end of the epoch, wherever that was. */
  readonly to: number | undefined;
}

/** Everything that a listener may hear of, with what it is given. */
export interface RoomSignalEvents {
  /** In order, each once, after the cap of lines; those with a place in the stream come at once as well. */
  signals: readonly Signal[];
  /** The same signals when the player reaches their place in the stream: for what is drawn over the picture. */
  overlay: readonly Signal[];
  /** A part of the state has a newer value. */
  state: StatePart;
  rules: RoomRules;
  peer: Signal;
  status: { readonly status: ConnectionStatus; readonly code: string; readonly retryInMs: number };
  /** These are lost for good and will not come; control and money among them do come. */
  gap: Gap;
  /** Everything exactly as it came, before the cap. */
  batch: Batch;
}

/** By class: offered = shown + merged + shed + capped + passed. What a `gap` names is not in it: nobody told it. */
export interface SignalCounts {
  readonly offered: number;
  readonly shown: number;
  /** By the room's owner. */
  readonly merged: number;
  readonly shed: number;
  /** Not shown here, above the lines a screen takes. */
  readonly capped: number;
  /** Not for this kind of client, of a type that it does not know, or control and money that it had already. */
  readonly passed: number;
}

/** The chat of one room: connects, comes back, repairs gaps, and tells typed events. */
export interface RoomSignals {
  readonly status: ConnectionStatus;
  readonly tier: Tier;
  readonly delivery: Delivery;
  readonly rules: RoomRules;
  readonly counts: Readonly<Record<SignalClass, SignalCounts>>;
  /** Server time as far as it is known, in ms since 1970. */
  serverMs(): number;
  state<Name extends keyof RoomState>(name: Name): RoomState[Name] | undefined;
  on<Name extends keyof RoomSignalEvents>(
    name: Name,
    listener: (event: RoomSignalEvents[Name]) => void,
  ): () => void;
  connect(): void;
  comment(text: string): Promise<SendResult>;
  /** Counted here and told a few times a second. */
  like(count?: number): void;
  retract(signalId: string): Promise<SendResult>;
  /** Of the player, now and then: one that stalls is sent less. */
  reportMedia(health: 'good' | 'poor' | 'stalled'): void;
  close(): void;
}
