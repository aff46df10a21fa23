export interface BusListener {
  onMessage(message: Buffer): void;
  /** With the new epoch, after each gap, once messages flow again. */
  onGap(epoch: number): void;
}

export interface Subscription extends AsyncDisposable {
  /** Changes as soon as messages may have been missed: what was learned from the bus before is to be checked again. */
  readonly epoch: number;
  /** False from that moment until messages flow again. */
  readonly isFlowing: boolean;
}

/** Messages to whoever listens now; nothing is kept. It never passes Twemproxy: it has connections of its own. */
export interface Bus {
  /** At most 64 KiB. Errors: COLLECTIONS_UNAVAILABLE, COLLECTIONS_BUSY, VALUE_TOO_LARGE. */
  publish(channel: string, message: Uint8Array): Promise<void>;
  /**
   * Resolves when messages published from now on will come; while the engine is away, at once: `isFlowing` is false
   * and `onGap` follows when they come. Errors: COLLECTIONS_BUSY above 4,096 channels.
   */
  subscribe(channel: string, listener: BusListener): Promise<Subscription>;
}
