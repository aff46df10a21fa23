import { invariant } from '../error/index.ts';

/** Keys of one `get`. */
export const keysMax = 512;

/** Memcached's items end at 1 MiB with key and header; every store keeps to what all can keep. */
export const valueBytesMax = 1_000_000;

/** A fill (read of the source, then `set`) takes at most this long; whoever fills gives up before. */
export const fillMsMax = 10_000;

/** How long an invalidation is remembered: what a fill read before it must not be stored after it. */
export const tombstoneMs = fillMsMax + 3_000;

/** Errors are bugs of the caller. */
export function assertKeys(keys: readonly string[]): void {
  invariant(keys.length <= keysMax, `at most ${keysMax} keys are asked for at once`);
}

/** Errors are bugs of the caller. */
export function assertVersion(version: number): void {
  invariant(Number.isSafeInteger(version) && version >= 0, 'a version is a safe integer, 0 or more');
}
