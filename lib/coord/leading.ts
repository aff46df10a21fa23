import { setTimeout as delay } from 'node:timers/promises';
import { hasCode } from '../error/index.ts';
import type { Coord, Lease } from './types.ts';

const retryMs = 1000;

export interface LeadOptions {
  readonly coord: Coord;
  readonly job: string;
  readonly partition: number;
  readonly signal: AbortSignal;
  /** Works while the lease is held; `signal` ends with it or with the whole. */
  readonly lead: (lease: Lease, signal: AbortSignal) => Promise<void>;
  /** Hears what ended the waiting or the work, but for the end of the whole. */
  readonly onError: (error: unknown) => void;
}

/** Leads whenever the lease is to be had, a second after it was lost or the work failed, until `signal` ends or `coord` closes. */
export async function leadByLease({
  coord,
  job,
  partition,
  signal,
  lead,
  onError,
}: LeadOptions): Promise<void> {
  while (!signal.aborted) {
    try {
      await using lease = await coord.lease(job, partition, signal);
      await lead(lease, AbortSignal.any([lease.signal, signal]));
    } catch (error) {
      if (signal.aborted || hasCode(error, 'COORD_CLOSED')) return;
      onError(error);
    }
    await delay(retryMs, undefined, { signal }).catch(() => undefined);
  }
}
