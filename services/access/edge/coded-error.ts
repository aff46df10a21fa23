import { CodedError } from '@gala/lib/error';
import { commonErrors } from '@gala/protocol/errors';

/** What a caller is told of an error: its code, or INTERNAL for what is no coded one. */
export function asCoded(error: unknown): CodedError {
  return error instanceof CodedError ? error : new CodedError(commonErrors, 'INTERNAL', { cause: error });
}
