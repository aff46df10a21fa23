import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { CodedError } from '@gala/lib/error';
import { commonErrors } from '@gala/protocol/errors';

/** What other processes of the installation say who they are with, and how that is checked in constant time. */
export class ClusterToken {
  /** Value of the header `Authorization`. */
  readonly authorization: string;
  readonly #expected: Buffer;

  constructor(clusterToken: string) {
    this.authorization = `Bearer ${clusterToken}`;
    this.#expected = digest(this.authorization);
  }

  /** @throws CodedError UNAUTHENTICATED */
  check({ headers }: IncomingMessage): void {
    if (timingSafeEqual(digest(headers.authorization ?? ''), this.#expected)) return;
    throw new CodedError(commonErrors, 'UNAUTHENTICATED');
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
