import { CodedError } from '../error/index.ts';
import { blobErrors, type BlobErrorCode } from './errors.ts';

/** What a failed file operation means to a caller of the port. */
const meanings: Readonly<Record<string, BlobErrorCode>> = {
  ENOENT: 'BLOB_UNKNOWN',
  ENOSPC: 'BLOB_DISK_FULL',
  EDQUOT: 'BLOB_DISK_FULL',
  EMFILE: 'BLOB_BUSY',
  ENFILE: 'BLOB_BUSY',
  // A key that goes through a blob, or ends at a folder.
  ENOTDIR: 'BLOB_KEY_INVALID',
  EISDIR: 'BLOB_KEY_INVALID',
  ENOTEMPTY: 'BLOB_KEY_INVALID',
};

/** Errors that come from no file operation stay as they are. */
export function toBlobError(error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (error instanceof CodedError || !code || !syscall) return error;
  // Of making a folder where a blob is; of opening a new file where one is.
  const onExisting = syscall === 'mkdir' || syscall === 'rename' ? 'BLOB_KEY_INVALID' : 'BLOB_EXISTS';
  const meaning = code === 'EEXIST' ? onExisting : (meanings[code] ?? 'BLOB_UNAVAILABLE');
  return new CodedError(blobErrors, meaning, { cause: error });
}
