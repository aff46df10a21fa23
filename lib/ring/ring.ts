/**
 * Rendezvous hashing (Thaler, Ravishankar: "Using name-based mappings to increase hit rates", 1998): every key has its
 * own order of the members, the same for all who know the same members, whatever order they know them in. A member that
 * comes or goes moves only the keys of which it is or was the first.
 */
export function ringOrder(members: Iterable<string>, key: string): string[] {
  const keyHash = hashOf(key);
  const scored = Array.from(members, (id) => ({ id, score: scoreOf(id, keyHash) }));
  return scored.toSorted((one, other) => (isBefore(one, other) ? -1 : 1)).map(({ id }) => id);
}

/** The first of the order, without making the rest; undefined when there is no member. */
export function ringFirst(members: Iterable<string>, key: string): string | undefined {
  const keyHash = hashOf(key);
  let first: Scored | undefined;
  for (const id of members) {
    const scored = { id, score: scoreOf(id, keyHash) };
    if (!first || isBefore(scored, first)) first = scored;
  }
  return first?.id;
}

interface Scored {
  readonly id: string;
  readonly score: number;
}

/** Equal scores are rare and decided by the name, so that all decide alike. */
function isBefore(one: Scored, other: Scored): boolean {
  return one.score > other.score || (one.score === other.score && one.id < other.id);
}

function scoreOf(member: string, keyHash: number): number {
  return mix32(Math.imul(hashOf(member), 0x9e3779b1) ^ keyHash);
}

/** FNV-1a (32 bit) over UTF-16 units, then mixed, since names differ in their last characters only. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return mix32(hash);
}

/** Finalizer of MurmurHash3 (32 bit): every input bit moves about half of the output bits. */
function mix32(value: number): number {
  let hash = value >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
