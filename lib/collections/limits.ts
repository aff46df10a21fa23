import { CodedError, invariant } from '../error/index.ts';
import { collectionsErrors } from './errors.ts';

export const valueBytesMax = 1024 * 1024;
export const keyBytesMax = 512;
export const messageBytesMax = 64 * 1024;
/** Keys, fields, members or values that one call may name. */
export const batchMax = 512;
/** Elements that one answer of a rank or list may have. */
export const rangeMax = 1000;
export const channelsMax = 4096;

/** Errors: KEY_INVALID. */
export function assertKey(key: string): void {
  // A character is at most three bytes of UTF-8, so that only long keys are measured.
  const isShort = key.length > 0 && key.length * 3 <= keyBytesMax;
  if (isShort || (key.length > 0 && Buffer.byteLength(key) <= keyBytesMax)) return;
  throw new CodedError(collectionsErrors, 'KEY_INVALID', { detail: key.slice(0, 40) });
}

/** Errors: VALUE_TOO_LARGE. */
export function assertValue(key: string, value: Uint8Array): void {
  if (value.byteLength > valueBytesMax)
    throw new CodedError(collectionsErrors, 'VALUE_TOO_LARGE', {
      detail: `${key}, ${value.byteLength} bytes`,
    });
}

/** More at once than the port allows is a bug of the caller. */
export function assertBatch(count: number): void {
  invariant(count <= batchMax, `one call names at most ${batchMax} keys, fields, members or values`);
}

export function assertTtl(ttlMs: number): void {
  invariant(ttlMs >= 1 && ttlMs <= Number.MAX_SAFE_INTEGER, 'a TTL is at least one millisecond');
}

/** What stands between the first `{` and the next `}`, as Redis and Twemproxy (`hash_tag: "{}"`) read it. */
export function hashTagOf(key: string): string | undefined {
  const begin = key.indexOf('{');
  const end = begin < 0 ? -1 : key.indexOf('}', begin + 1);
  return end > begin + 1 ? key.slice(begin + 1, end) : undefined;
}

/** Errors: SCRIPT_KEYS. */
export function assertTag(tag: string, keys: readonly string[]): void {
  if (keys.length === 0) throw new CodedError(collectionsErrors, 'SCRIPT_KEYS', { detail: 'none' });
  for (const key of keys) {
    assertKey(key);
    if (hashTagOf(key) !== tag)
      throw new CodedError(collectionsErrors, 'SCRIPT_KEYS', { detail: `${key} has not {${tag}}` });
  }
}
