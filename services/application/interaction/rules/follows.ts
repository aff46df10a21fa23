/** Who follows a host, as far as it is known: a host may have millions. */
export interface FollowSource {
  /** Since when, in ms since 1970; 0 for who does not follow, undefined while it is not known. Answers at once. */
  sinceMs(userId: number): number | undefined;
  /** Looks up who is not known yet; undefined when there is nothing to wait for. Never rejects. */
  prepare(userIds: readonly number[]): Promise<void> | undefined;
}
