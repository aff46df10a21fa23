import { rtmpLimits, type RtmpLimits } from '@gala/media/rtmp';

/** Bounds of an RTMP listener; every one that is reached closes a connection and is counted. */
export interface RtmpServerLimits {
  /** Of one connection: message sizes, unfinished messages, bytes behind an undecided request. */
  readonly session: RtmpLimits;
  /** Connections of this process, publishers and players together. */
  readonly connectionsMax: number;
  /** From the accepted connection to the end of the handshake. */
  readonly handshakeMs: number;
  /** From the accepted connection to `connect`. */
  readonly commandMs: number;
  /** From `connect`, or the end of a stream, to `publish` or `play`. */
  readonly requestMs: number;
  /** From `publish` or `play` to the decision of the owner. */
  readonly decisionMs: number;
  /** Of a publisher without a byte. */
  readonly publisherIdleMs: number;
  /** How often a publisher is sent a ping, to measure the way to it and back. */
  readonly pingMs: number;
  /** What a player may send per second of its life on average, and at once: it has little to say. */
  readonly playerBytesPerSecond: number;
  /** How long a refused peer may take to read why, and a player to take the last bytes. */
  readonly lingerMs: number;
  /** Memory of unfinished messages and undecided bytes of all connections together. */
  readonly heldBytesMax: number;
  /** Answers a publisher does not read. */
  readonly unreadBytesMax: number;
}

export const rtmpServerLimits: RtmpServerLimits = {
  session: rtmpLimits,
  connectionsMax: 10_000,
  handshakeMs: 5000,
  commandMs: 10_000,
  requestMs: 10_000,
  decisionMs: 5000,
  publisherIdleMs: 15_000,
  pingMs: 5000,
  playerBytesPerSecond: 4096,
  lingerMs: 1000,
  heldBytesMax: 256 * 1024 * 1024,
  unreadBytesMax: 1024 * 1024,
};
