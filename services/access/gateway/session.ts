import { CodedError, hasCode } from '@gala/lib/error';
import type { CallOptions, Client } from '@gala/lib/rpc';
import type { AccountService, Principal } from '@gala/protocol/account';
import { protocolErrors } from '@gala/protocol/errors';
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Caller, Credentials } from './call.ts';
import type { Page } from './page.ts';

export interface SessionCookie {
  readonly name: string;
  /** The base path with a slash: a session is for this installation only. */
  readonly path: string;
}

/** What the request carries: a bearer token (RFC 6750) wins over the session cookie. */
export function credentialsOf(request: IncomingMessage, cookieName: string): Credentials | undefined {
  const bearer = /^Bearer +([\x21-\x7e]{1,8192})$/i.exec(request.headers.authorization ?? '')?.[1];
  if (bearer) return { token: bearer, via: 'bearer' };
  const cookie = cookieOf(request.headers.cookie ?? '', cookieName);
  return cookie ? { token: cookie, via: 'cookie' } : undefined;
}

export interface Identification {
  readonly account: Client<typeof AccountService>;
  readonly credentials: Credentials | undefined;
  readonly rpc: CallOptions;
}

/** Who calls; UNAUTHENTICATED without valid credentials. */
export async function callerOf({ account, credentials, rpc }: Identification): Promise<Caller> {
  if (!credentials) throw new CodedError(protocolErrors, 'UNAUTHENTICATED');
  const { principal, expiresAtMs } = await account.authenticate({ token: credentials.token }, rpc);
  if (!principal) throw new CodedError(protocolErrors, 'UNAUTHENTICATED');
  return { ...callerOfPrincipal(principal), expiresAtMs: Number(expiresAtMs) || undefined, credentials };
}

/** Who calls, if anyone: a session that has expired is a stranger, a wrong bearer token is an error. */
export async function visitorOf(identification: Identification): Promise<Caller | undefined> {
  if (!identification.credentials) return undefined;
  try {
    return await callerOf(identification);
  } catch (error) {
    if (identification.credentials.via === 'cookie' && hasCode(error, 'UNAUTHENTICATED')) return undefined;
    throw error;
  }
}

/** CSRF_MISMATCH for a change on a session cookie without the session's token in X-Gala-Csrf. */
export function checkCsrf(request: IncomingMessage, { credentials, csrfToken }: Caller): void {
  if (credentials.via !== 'cookie' || request.method === 'GET' || request.method === 'HEAD') return;
  const given = Buffer.from(String(request.headers['x-gala-csrf'] ?? ''));
  const expected = Buffer.from(csrfToken);
  const equal = expected.length > 0 && given.length === expected.length && timingSafeEqual(given, expected);
  if (!equal) throw new CodedError(protocolErrors, 'CSRF_MISMATCH');
}

export interface SetCookieOptions {
  readonly token: string;
  readonly maxAgeSeconds: number;
  readonly page: Page;
}

/** The Set-Cookie value of a session (RFC 6265); Secure wherever the page is. */
export function setCookie(cookie: SessionCookie, { token, maxAgeSeconds, page }: SetCookieOptions): string {
  const secure = page.scheme === 'https' ? '; Secure' : '';
  const age = Math.max(0, Math.floor(maxAgeSeconds));
  return `${cookie.name}=${token}; Path=${cookie.path}; Max-Age=${age}; HttpOnly; SameSite=Lax${secure}`;
}

function callerOfPrincipal({ userId, name, roles, scopes, csrfToken }: Principal) {
  return { userId: Number(userId), name, roles, scopes, csrfToken };
}

function cookieOf(header: string, name: string): string | undefined {
  for (const pair of header.split(';')) {
    const [key, value] = pair.trim().split('=', 2);
    if (key === name && value && /^[\x21-\x7e]{1,1024}$/.test(value)) return value;
  }
  return undefined;
}
