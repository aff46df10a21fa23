import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { parseId, userIdMax } from '@gala/protocol/ids';

/** 160 bits: out of reach of guessing, and short enough for the key field of every encoder. */
const secretBytes = 20;
const keyPattern = /^(?<hostId>[0-9]{1,10})\.(?<secret>[A-Za-z0-9_-]{22,64})$/;

export interface StreamKey {
  readonly hostId: number;
  /** `<hostId>.<secret>`, shown once and never logged. */
  readonly text: string;
  /** SHA-256 of the secret: what is stored. */
  readonly hash: Buffer;
}

export function createStreamKey(hostId: number): StreamKey {
  const secret = randomBytes(secretBytes).toString('base64url');
  return { hostId, text: `${hostId}.${secret}`, hash: hashOf(secret) };
}

/** Undefined for anything that cannot be a key. The host, and so the shard, come out of the key itself. */
export function parseStreamKey(text: string): StreamKey | undefined {
  const parts = keyPattern.exec(text)?.groups;
  const hostId = parts && parseId(parts.hostId, userIdMax);
  return hostId ? { hostId, text, hash: hashOf(parts.secret) } : undefined;
}

/** Takes the same time wherever the first difference is. */
export function matchesStreamKey(key: StreamKey, storedHash: Buffer): boolean {
  return key.hash.length === storedHash.length && timingSafeEqual(key.hash, storedHash);
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
