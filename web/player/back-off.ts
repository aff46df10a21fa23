export interface BackOff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Reconnecting of a viewer: at once after a blip, at most every eight seconds after that. */
export const reconnectBackOff: BackOff = { baseMs: 250, maxMs: 8_000 };

/**
 * Wait before try `attempt` (0 is the first), doubled every time up to the maximum; half of it is random, so
 * that the viewers of a restarted edge do not come back in one wave.
 */
export function backOffMs(backOff: BackOff, attempt: number, random = Math.random): number {
  const ceiling = Math.min(backOff.maxMs, backOff.baseMs * 2 ** Math.min(attempt, 30));
  return Math.round(ceiling / 2 + (random() * ceiling) / 2);
}
