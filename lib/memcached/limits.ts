/** Bounds of peers; tests shorten the times. */
export interface PeerLimits {
  /** What a node may take for an answer, whatever happens to it. */
  readonly requestMsMax: number;
  /** What a connection may take that is made while nobody waits. */
  readonly connectMsMax: number;
  /** How often a node that is away is looked at, and one that nobody asks. */
  readonly probeEveryMs: number;
  /** How long a node is left alone before it is tried again: at first, at most. */
  readonly awayMsMin: number;
  readonly awayMsMax: number;
  /**
   * A node that was away gets writes at once when it is back, but answers only after this: by then every process has
   * found it back and has given it the invalidations that it missed.
   */
  readonly settleMs: number;
  /** Invalidations kept for a node that is away; with more it is emptied when it is back. */
  readonly owedMax: number;
}

export const peerLimits: PeerLimits = {
  requestMsMax: 50,
  connectMsMax: 500,
  probeEveryMs: 250,
  awayMsMin: 500,
  awayMsMax: 2000,
  settleMs: 5000,
  owedMax: 65_536,
};

/** Values under way from one cluster to another; more are dropped. */
export const healsMax = 1024;

/** This many requests in a row must fail before a node is left alone. */
export const failuresToEject = 3;
