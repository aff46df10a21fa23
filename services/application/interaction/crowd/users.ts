import type { Connection, Speaker } from '../types.ts';

/** One user in one room, or one device of somebody who has not signed in. */
export interface PresentUser {
  readonly key: number | string;
  readonly isStaff: boolean;
  readonly places: Connection[];
}

/** Who counts as one: the user, of those who have not signed in the device. */
export function userKeyOf({ userId, device }: Pick<Speaker, 'userId' | 'device'>): number | string {
  return userId || device;
}

/** Whether a user is in a sample of one in 2^`halvings`: the same user always is, wherever he connects. */
export function isSampled(key: number | string, halvings: number): boolean {
  return halvings === 0 || hashOf(key) >>> (32 - halvings) === 0;
}

/** FNV-1a for devices, and the finaliser of MurmurHash3 over both, as the high bits decide. */
function hashOf(key: number | string): number {
  let hash = 0x811c9dc5;
  if (typeof key === 'number') hash = (key % 2 ** 32) ^ Math.floor(key / 2 ** 32);
  else for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
