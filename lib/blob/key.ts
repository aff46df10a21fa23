import { CodedError } from '../error/index.ts';
import { blobErrors } from './errors.ts';

const segmentsMax = 8;
const segment = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$/;
const prefixPattern = /^[A-Za-z0-9._/-]{0,1100}$/;

/** Errors: BLOB_KEY_INVALID. */
export function assertKey(key: string): void {
  const segments = key.split('/', segmentsMax + 1);
  if (segments.length <= segmentsMax && segments.every((each) => segment.test(each))) return;
  throw new CodedError(blobErrors, 'BLOB_KEY_INVALID');
}

/** Errors: BLOB_KEY_INVALID. */
export function assertPrefix(prefix: string): void {
  if (!prefixPattern.test(prefix)) throw new CodedError(blobErrors, 'BLOB_KEY_INVALID');
}
