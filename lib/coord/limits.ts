import { CodedError, invariant } from '../error/index.ts';
import { coordErrors } from './errors.ts';

/** A lease or member that is not renewed for this long belongs to nobody. */
export const ttlMs = 3000;
export const renewEveryMs = 1000;
export const pollEveryMs = 500;

/**
 * The holder gives up this long before the engine does: room for the rates of two clocks to differ and
 * for a loop that is late, so that the signal is aborted before another can own the lease.
 */
export const leaseMarginMs = 400;

/**
 * Nobody was heard for this long: the engine was away, and its return begins one TTL of grace. After a
 * shorter absence nothing has expired yet; a process whose loop is late by 0.7 s must not look like one.
 */
export const outageMs = 1700;

export const membersMax = 64;
export const leasesMax = 4096;
export const watchesMax = 1024;

const memberBytesMax = 4 * 1024;
const recordBytesMax = 256 * 1024;

/** JSON of a member's data. Errors: MEMBER_TOO_LARGE. */
export function encodeMember(data: Readonly<Record<string, string>>): string {
  const json = JSON.stringify(data);
  if (Buffer.byteLength(json) > memberBytesMax) throw new CodedError(coordErrors, 'MEMBER_TOO_LARGE');
  return json;
}

/** JSON of a record's value. Errors: RECORD_TOO_LARGE. */
export function encodeRecord(key: string, value: unknown): string {
  const json = JSON.stringify(value) as string | undefined;
  invariant(json !== undefined, `the record ${key} has a JSON value`);
  if (Buffer.byteLength(json) > recordBytesMax) {
    throw new CodedError(coordErrors, 'RECORD_TOO_LARGE', { detail: key });
  }
  return json;
}

/** Errors: COORD_LIMIT. */
export function assertBelow(count: number, max: number, what: string): void {
  if (count >= max) throw new CodedError(coordErrors, 'COORD_LIMIT', { detail: `${max} ${what}` });
}
