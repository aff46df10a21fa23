import type { MediaErrorCode } from '@gala/media/error';

/**
 * Why a server's connection ended: a code of `media` for what the peer sent, else one of these. `REFUSED` is a
 * request that was turned down, `DISMISSED` an accepted publisher that the owner ended, as a takeover does,
 * `PLAYER_SLOW` a player that the owner gave up, `PLAYER_FLOOD` one that says more than players do.
 */
export type RtmpEndReason =
  | MediaErrorCode
  | 'PEER_CLOSED'
  | 'CONNECTION_LOST'
  | 'TLS_FAILED'
  | 'REFUSED'
  | 'DISMISSED'
  | 'STREAM_ENDED'
  | 'HANDSHAKE_TIMEOUT'
  | 'COMMAND_TIMEOUT'
  | 'REQUEST_TIMEOUT'
  | 'DECISION_TIMEOUT'
  | 'DECISION_FAILED'
  | 'PUBLISHER_IDLE'
  | 'PLAYER_SLOW'
  | 'PLAYER_FLOOD'
  | 'CONNECTIONS_MAX'
  | 'PROCESS_MEMORY_MAX'
  | 'UNREAD_ANSWERS_MAX'
  | 'SERVER_CLOSED';

/** Plain numbers of one listener; `opened` is `open` plus all of `ended`. */
export interface RtmpServerCounters {
  opened: number;
  open: number;
  /** Errors of the listening socket, such as too many open files. */
  acceptFailures: number;
  receivedBytes: number;
  /** Memory of unfinished messages and undecided bytes of all connections. */
  heldBytes: number;
  publishesAccepted: number;
  publishesRefused: number;
  /** Connections by the reason of their end; a reason is absent until it happens. */
  readonly ended: Partial<Record<RtmpEndReason, number>>;
}

export function createRtmpServerCounters(): RtmpServerCounters {
  return {
    opened: 0,
    open: 0,
    acceptFailures: 0,
    receivedBytes: 0,
    heldBytes: 0,
    publishesAccepted: 0,
    publishesRefused: 0,
    ended: {},
  };
}

/** Counts one ended connection. */
export function countEnd(counters: RtmpServerCounters, reason: RtmpEndReason): void {
  counters.ended[reason] = (counters.ended[reason] ?? 0) + 1;
}
