import { createHash, timingSafeEqual } from 'node:crypto';

/** What processes of an installation say who they are with, and how that is checked. */
export class ClusterToken {
  /** Value of `Authorization`, in HTTP headers and gRPC metadata. */
  readonly authorization: string;
  readonly #expected: Buffer;

  constructor(clusterToken: string) {
    this.authorization = `Bearer ${clusterToken}`;
    this.#expected = digest(this.authorization);
  }

  matches(authorization: string | undefined): boolean {
    return authorization !== undefined && timingSafeEqual(digest(authorization), this.#expected);
  }
}

/** Equal lengths, so that the comparison tells nothing by its time. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
