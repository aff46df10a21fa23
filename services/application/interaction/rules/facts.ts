import type { Sanction } from './sanctions.ts';

/** What is known of a user beside the room: looked up once, before his first comment is judged. */
export interface UserFacts {
  /** Since when he follows the host, in ms since 1970; 0 when he does not. */
  readonly followedAtMs: number;
  /** Of the whole installation. */
  readonly sanctions: readonly Sanction[];
}

export interface FactSource {
  /** Undefined while it is not known; answers at once. */
  of(userId: number): UserFacts | undefined;
  /** Looks up who is not known yet; undefined when there is nothing to wait for. Never rejects. */
  prepare(userIds: readonly number[]): Promise<void> | undefined;
}
