import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Signed play URLs of private rooms: `?expires=<ms since 1970>&kid=<key id>&sig=<signature>`. The gateway
 * signs with the newest key of AccountService.SigningKeys, the edge verifies with either of the two.
 * A signature admits one room until it expires; who plays on is not cut.
 * For servers only (node:crypto): the web application never signs.
 */
export interface PlayKey {
  readonly kid: string;
  readonly secret: Uint8Array;
}

export interface PlayGrant {
  readonly roomId: number;
  readonly expiresAtMs: number;
}

/** Clocks of gateway and edge may differ by so much (operating.md, "Clocks"). */
export const playLeewayMs = 30_000;

/** base64url of HMAC-SHA256 over `<roomId>.<expiresAtMs>`, 43 characters. */
export function playSignature({ roomId, expiresAtMs, secret }: PlayGrant & { secret: Uint8Array }): string {
  return createHmac('sha256', secret).update(`${roomId}.${expiresAtMs}`).digest('base64url');
}

/** The query that makes a play URL of this room valid until `expiresAtMs`, without the question mark. */
export function playQuery({ roomId, expiresAtMs, key }: PlayGrant & { key: PlayKey }): string {
  const sig = playSignature({ roomId, expiresAtMs, secret: key.secret });
  return new URLSearchParams({ expires: String(expiresAtMs), kid: key.kid, sig }).toString();
}

/** Names of the parameters of `playQuery`. */
export const grantNames = ['expires', 'kid', 'sig'] as const;

/** The signature that opened an address, for the addresses that its answer carries; without the question mark. */
export function grantOf(query: URLSearchParams): string {
  return new URLSearchParams(grantNames.map((name) => [name, query.get(name) ?? ''])).toString();
}

export interface PlayRequest {
  readonly roomId: number;
  readonly query: URLSearchParams;
  readonly keys: readonly PlayKey[];
  readonly nowMs: number;
}

/** True when the query carries an unexpired signature for this room by one of `keys`; constant time in the signature. */
export function verifyPlay({ roomId, query, keys, nowMs }: PlayRequest): boolean {
  const expires = query.get('expires') ?? '';
  if (!/^[1-9][0-9]{0,15}$/.test(expires)) return false;
  const expiresAtMs = Number(expires);
  if (expiresAtMs + playLeewayMs < nowMs) return false;
  const key = keys.find(({ kid }) => kid === query.get('kid'));
  if (!key) return false;
  return equalText(query.get('sig') ?? '', playSignature({ roomId, expiresAtMs, secret: key.secret }));
}

function equalText(given: string, expected: string): boolean {
  const left = Buffer.from(given);
  const right = Buffer.from(expected);
  return left.length === right.length && timingSafeEqual(left, right);
}
