import { setTimeout as delay } from 'node:timers/promises';
import type { Holding } from '../partitions.ts';
import type { DurableTail } from './tail.ts';

/** Rooms are opened without what their viewers were promised when the log does not answer within this. */
const waitMsMax = 1500;
const retryMs = 500;

/**
 * Before rooms of a partition are opened, everything is known that its owners before had acknowledged. While the log
 * is away they are opened all the same, and control and money are refused until it is known.
 */
export async function catchUp(
  holding: Holding,
  tail: Pick<DurableTail, 'caughtUp'>,
  onCaughtUp: (holding: Holding) => void,
): Promise<void> {
  const { signal } = holding.lease;
  try {
    await tail.caughtUp(AbortSignal.any([signal, AbortSignal.timeout(waitMsMax)]));
    holding.isCaughtUp = true;
  } catch {
    void insist(holding, tail, onCaughtUp);
  }
}

async function insist(
  holding: Holding,
  tail: Pick<DurableTail, 'caughtUp'>,
  onCaughtUp: (holding: Holding) => void,
): Promise<void> {
  const { signal } = holding.lease;
  while (!signal.aborted) {
    try {
      await tail.caughtUp(signal);
      holding.isCaughtUp = true;
      return onCaughtUp(holding);
    } catch {
      await delay(retryMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
