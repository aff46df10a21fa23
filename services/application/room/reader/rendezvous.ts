/**
 * Members in the order in which a key prefers them (rendezvous hashing, Thaler and Ravishankar 1998): a member that
 * goes moves only its own keys, each to the next in its own order.
 */
export function membersByRank(members: readonly string[], key: number): string[] {
  return [...members].sort((a, b) => weight(b, key) - weight(a, key) || (a < b ? -1 : 1));
}

/** FNV-1a over the name and both halves of the key, mixed at the end. */
function weight(member: string, key: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < member.length; index++) hash = step(hash, member.charCodeAt(index));
  const high = Math.floor(key / 2 ** 32);
  hash = step(step(hash, high), key - high * 2 ** 32);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function step(hash: number, value: number): number {
  return Math.imul(hash ^ value, 0x01000193);
}
