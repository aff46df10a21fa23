import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { parseId, userIdMax } from '@gala/protocol/ids';

const secretBytes = 32;
const idBytes = 8;
const sessionPattern = /^gs_(?<userId>[0-9]{1,10})\.(?<secret>[A-Za-z0-9_-]{43})$/;
const apiPattern = /^gt_(?<userId>[0-9]{1,10})\.(?<tokenId>[0-9a-f]{16})\.(?<secret>[A-Za-z0-9_-]{43})$/;

/** `gs_<userId>.<secret>`: the shard comes out of the token, the database keeps a hash of the secret. */
export interface SessionToken {
  readonly userId: number;
  readonly text: string;
  readonly hash: Buffer;
  /** What a browser must repeat in a header; derived, so that nothing more is stored. */
  readonly csrfToken: string;
}

/** `gt_<userId>.<tokenId>.<secret>` */
export interface ApiToken {
  readonly userId: number;
  readonly tokenId: string;
  readonly text: string;
  readonly hash: Buffer;
}

export function createSessionToken(userId: number): SessionToken {
  return sessionTokenOf(userId, randomBytes(secretBytes).toString('base64url'));
}

export function parseSessionToken(text: string): SessionToken | undefined {
  const parts = sessionPattern.exec(text)?.groups;
  const userId = parts && parseId(parts.userId, userIdMax);
  return userId ? sessionTokenOf(userId, parts.secret) : undefined;
}

export function createApiToken(userId: number): ApiToken {
  const tokenId = randomBytes(idBytes).toString('hex');
  return apiTokenOf(userId, tokenId, randomBytes(secretBytes).toString('base64url'));
}

export function parseApiToken(text: string): ApiToken | undefined {
  const parts = apiPattern.exec(text)?.groups;
  const userId = parts && parseId(parts.userId, userIdMax);
  return userId ? apiTokenOf(userId, parts.tokenId, parts.secret) : undefined;
}

export function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Compares secrets of any length in a time that does not depend on where they differ. */
export function isSameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(hashOf(given), hashOf(expected));
}

function sessionTokenOf(userId: number, secret: string): SessionToken {
  const csrfToken = createHmac('sha256', secret).update('gala csrf').digest('base64url');
  return { userId, text: `gs_${userId}.${secret}`, hash: hashOf(secret), csrfToken };
}

function apiTokenOf(userId: number, tokenId: string, secret: string): ApiToken {
  return { userId, tokenId, text: `gt_${userId}.${tokenId}.${secret}`, hash: hashOf(secret) };
}
