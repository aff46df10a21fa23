/**
 * MurmurHash3 (x86, 32 bits; Austin Appleby, public domain) over the char codes of Latin-1 text. The same text under
 * two seeds gives two numbers that know nothing of each other.
 */
export function murmur3(text: string, seed: number): number {
  const wholeLength = text.length & ~3;
  let hash = seed;
  for (let at = 0; at < wholeLength; at += 4) {
    hash ^= scramble(
      byteAt(text, at) |
        (byteAt(text, at + 1) << 8) |
        (byteAt(text, at + 2) << 16) |
        (byteAt(text, at + 3) << 24),
    );
    hash = Math.imul(rotate(hash, 13), 5) + 0xe6546b64;
  }
  let rest = 0;
  for (let at = text.length - 1; at >= wholeLength; at--) rest = (rest << 8) | byteAt(text, at);
  return finish(hash ^ scramble(rest) ^ text.length);
}

function byteAt(text: string, at: number): number {
  return text.charCodeAt(at) & 0xff;
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function scramble(block: number): number {
  return Math.imul(rotate(Math.imul(block, 0xcc9e2d51), 15), 0x1b873593);
}

/** Every bit of the input reaches every bit of the answer. */
function finish(value: number): number {
  let hash = value;
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
