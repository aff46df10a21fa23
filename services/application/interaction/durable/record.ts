import type { Draft } from '../types.ts';

/** A control or money signal as it stands in the log, by room. */
export interface DurableRecord {
  /** Grows within a room, over its epochs. */
  readonly number: number;
  readonly epoch: number;
  /** Whoever says the same again has the same; empty for none. */
  readonly id: string;
  readonly atMs: number;
  readonly draft: Draft;
}

export function encodeRecord(record: DurableRecord): Buffer {
  return Buffer.from(JSON.stringify(record));
}

/** Undefined for what is no such record: a later version of Gala may write others. */
export function decodeRecord(value: Buffer): DurableRecord | undefined {
  try {
    const record = JSON.parse(value.toString('utf8')) as Partial<DurableRecord>;
    const isWhole = Number.isSafeInteger(record.number) && Number.isSafeInteger(record.epoch) && record.draft;
    return isWhole ? (record as DurableRecord) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Numbers are times (ms since 1970, by the owner's clock) with room for a thousand in each ms, and grow in any case: so
 * an owner that knows none of a room's numbers still goes on above them.
 */
const perMs = 1000;

export function numberAt(ms: number): number {
  return ms * perMs;
}
