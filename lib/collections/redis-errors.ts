import { CodedError } from '../error/index.ts';
import { collectionsErrors } from './errors.ts';

/** What Redis says of a key that holds something else than the command wants. */
const wrongKind = /^WRONGTYPE|is not an integer|is not a (valid )?float|would overflow/;
/** What a server says that is up but must not be used now, and what Twemproxy says of a server behind it. */
const unavailable =
  /^(READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|BUSY|OOM|MISCONF|NOREPLICAS|NOAUTH|WRONGPASS)|^ERR (Connection|Host|No route|Network|Broken|Operation)/;

/** An answer, as opposed to a connection that was lost. */
export function isReplyError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

export function isUnknownScript(error: unknown): boolean {
  return isReplyError(error) && error.message.startsWith('NOSCRIPT');
}

/** Errors of the client and of the server, as the port names them. `what` is a command or script, never a value. */
export function toCollectionsError(error: unknown, what: string, isScript: boolean): CodedError {
  if (error instanceof CodedError) return error;
  const options = { cause: error, detail: what };
  if (!isReplyError(error) || unavailable.test(error.message))
    return new CodedError(collectionsErrors, 'COLLECTIONS_UNAVAILABLE', options);
  if (wrongKind.test(error.message)) return new CodedError(collectionsErrors, 'KEY_WRONG_KIND', options);
  if (isScript) return new CodedError(collectionsErrors, 'SCRIPT_FAILED', options);
  return new CodedError(collectionsErrors, 'COLLECTIONS_UNAVAILABLE', options);
}

export function unavailableError(detail: string): CodedError {
  return new CodedError(collectionsErrors, 'COLLECTIONS_UNAVAILABLE', { detail });
}
