import { createHmac } from 'node:crypto';

/** Size of C1, S1, C2 and S2. */
export const HANDSHAKE_BYTES = 1536;
const DIGEST_BYTES = 32;
const OFFSET_RANGE = 728;
const KEY_TAIL = Buffer.from('f0eec24a8068bee82e00d0d1029e7e576eec5d2d29806fab93b8e636cfeb31ae', 'hex');

const playerName = Buffer.from('Genuine Adobe Flash Player 001');
const serverName = Buffer.from('Genuine Adobe Flash Media Server 001');

/** The keys of either side: the name signs the first packet, name and tail sign the answer to it. */
export const handshakeKeys = {
  client: { first: playerName, second: Buffer.concat([playerName, KEY_TAIL]) },
  server: { first: serverName, second: Buffer.concat([serverName, KEY_TAIL]) },
} as const;

/** Where the digest lies: scheme 0 in the second half of the packet, scheme 1 in the first. */
export type DigestScheme = 0 | 1;

const pointerOffset = [772, 8] as const;

function digestOffset(packet: Buffer, scheme: DigestScheme): number {
  const pointer = pointerOffset[scheme];
  let sum = 0;
  for (let index = 0; index < 4; index++) sum += packet[pointer + index];
  return (sum % OFFSET_RANGE) + pointer + 4;
}

function sign(key: Buffer, ...parts: Buffer[]): Buffer {
  const hmac = createHmac('sha256', key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

function computeDigest(packet: Buffer, offset: number, key: Buffer): Buffer {
  return sign(key, packet.subarray(0, offset), packet.subarray(offset + DIGEST_BYTES));
}

/** The scheme and digest of a C1 or S1 that carries a valid one, else undefined (a simple handshake). */
export function findDigest(
  packet: Buffer,
  key: Buffer,
): { scheme: DigestScheme; digest: Buffer } | undefined {
  for (const scheme of [0, 1] as const) {
    const offset = digestOffset(packet, scheme);
    const digest = packet.subarray(offset, offset + DIGEST_BYTES);
    if (computeDigest(packet, offset, key).equals(digest)) return { scheme, digest };
  }
  return undefined;
}

/** Writes the digest into a C1 or S1. */
export function placeDigest(packet: Buffer, scheme: DigestScheme, key: Buffer): void {
  const offset = digestOffset(packet, scheme);
  computeDigest(packet, offset, key).copy(packet, offset);
}

/** Makes C2 or S2 out of random bytes: its tail proves that the digest of the other side was read. */
export function signAnswer(random: Buffer, peerDigest: Buffer, key: Buffer): Buffer {
  const body = random.subarray(0, HANDSHAKE_BYTES - DIGEST_BYTES);
  return Buffer.concat([body, sign(sign(key, peerDigest), body)]);
}

/** True if a C2 or S2 was signed for `ownDigest`. */
export function isAnswerTo(answer: Buffer, ownDigest: Buffer, key: Buffer): boolean {
  return signAnswer(answer, ownDigest, key).equals(answer);
}
