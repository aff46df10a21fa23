import type { IncomingMessage } from 'node:http';
import { CodedError } from '@gala/lib/error';
import type { ClusterToken } from '@gala/lib/rpc';
import { commonErrors } from '@gala/protocol/errors';

/** @throws CodedError UNAUTHENTICATED for who is no process of the installation */
export function checkMember(token: ClusterToken, { headers }: IncomingMessage): void {
  if (!token.matches(headers.authorization)) throw new CodedError(commonErrors, 'UNAUTHENTICATED');
}
