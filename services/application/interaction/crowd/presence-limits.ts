export interface PresenceLimits {
  /** Connections of one room of which the user is known; above it users are sampled, by halves. */
  readonly roomConnectionsMax: number;
  /** The same for all rooms of a process together: then rooms are sampled that have more than `roomConnectionsMin`. */
  readonly connectionsMax: number;
  readonly roomConnectionsMin: number;
  /** Those who come back so soon have not come anew. */
  readonly awayMs: number;
  /** Enters of one room that are signals of their own; of more in a second one stands for several. */
  readonly entersPerSecondMax: number;
  readonly viewersEveryMs: number;
  /** A count that differs by less from the one that was told is told later. */
  readonly viewersNoise: number;
  /** So much later. */
  readonly viewersSettledMs: number;
}

/** About 200 bytes a connection: 20 MB for the largest room, 60 MB for a process. */
export const defaultPresenceLimits: PresenceLimits = {
  roomConnectionsMax: 100_000,
  connectionsMax: 300_000,
  roomConnectionsMin: 1000,
  awayMs: 60_000,
  entersPerSecondMax: 100,
  viewersEveryMs: 1000,
  viewersNoise: 0.005,
  viewersSettledMs: 10_000,
};

/** What the presence of all rooms of a process takes up together. */
export class PresenceBudget {
  connections = 0;
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get isSpent(): boolean {
    return this.connections >= this.#max;
  }

  /** With something over, so that a sample does not grow to shrink at once. */
  hasPlaceFor(connections: number): boolean {
    return this.connections + connections < 0.75 * this.#max;
  }
}
