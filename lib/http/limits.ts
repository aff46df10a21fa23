/** Bounds of a listener. Times are in milliseconds. */
export interface HttpLimits {
  /** Connections at once; more are closed on accept and counted. */
  readonly connectionsMax: number;
  readonly headersTimeoutMs: number;
  /** For head and body together. */
  readonly requestTimeoutMs: number;
  /** Longer than the 60 s for which nginx keeps idle connections, so that it never meets one that we just closed. */
  readonly keepAliveTimeoutMs: number;
  readonly headerBytesMax: number;
  /** How long answers that are under way may take once the listener closes. */
  readonly drainMs: number;
  /** How often the time limits are looked at; node:http does it every 30 s by default. */
  readonly checkIntervalMs: number;
}

export const defaultLimits: HttpLimits = {
  connectionsMax: 50_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 65_000,
  headerBytesMax: 16_384,
  drainMs: 5_000,
  checkIntervalMs: 1_000,
};
