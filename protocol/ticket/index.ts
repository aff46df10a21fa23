import { createHmac, timingSafeEqual } from 'node:crypto';
import type { RoomRole } from '../signals/index.ts';

/**
 * Tickets that open connections to signal nodes: JWTs (RFC 7519) signed by HS256 with the keys of
 * AccountService.SigningKeys, as play URLs are. The gateway signs, nodes verify without asking anybody.
 * For servers only (node:crypto).
 */
export interface SignalTicket {
  readonly roomId: number;
  /** 0 for one who has not signed in. */
  readonly userId: number;
  readonly name: string;
  readonly role: RoomRole;
  /** Of the client's device, for limits; a random text that it keeps. */
  readonly device: string;
  readonly expiresAtMs: number;
}

export interface TicketKey {
  readonly kid: string;
  readonly secret: Uint8Array;
}

/** Clocks of who signs and who verifies may differ by so much (operating.md, "Clocks"). */
const leewayMs = 30_000;

export function signTicket(ticket: SignalTicket, { kid, secret }: TicketKey): string {
  const head = encode({ alg: 'HS256', typ: 'JWT', kid });
  const { roomId, userId, name, role, device, expiresAtMs } = ticket;
  const exp = Math.ceil(expiresAtMs / 1000);
  const signed = `${head}.${encode({ aud: 'signal', room: roomId, sub: userId, name, role, device, exp })}`;
  return `${signed}.${signatureOf(signed, secret)}`;
}

/** Which key it says it is signed by; undefined for what is no ticket. */
export function ticketKid(text: string): string | undefined {
  return read(text.split('.', 1)[0])?.kid;
}

/** What an unexpired ticket signed by one of these keys says; undefined for anything else. */
export function verifyTicket(
  text: string,
  { keys, nowMs }: { readonly keys: readonly TicketKey[]; readonly nowMs: number },
): SignalTicket | undefined {
  const [head, body, signature = '', ...rest] = text.split('.');
  const said = read(head);
  const key = keys.find(({ kid }) => kid === said?.kid);
  if (!key || said?.alg !== 'HS256' || rest.length > 0) return undefined;
  if (!isEqual(signature, signatureOf(`${head}.${body}`, key.secret))) return undefined;
  const claims = read(body);
  if (claims?.aud !== 'signal' || claims.exp * 1000 + leewayMs < nowMs) return undefined;
  const { room: roomId, sub: userId, name, role, device, exp } = claims;
  return { roomId, userId, name, role, device, expiresAtMs: exp * 1000 };
}

interface Head {
  readonly alg: string;
  readonly kid: string;
}

interface Claims {
  readonly aud: string;
  readonly room: number;
  readonly sub: number;
  readonly name: string;
  readonly role: RoomRole;
  readonly device: string;
  readonly exp: number;
}

function signatureOf(signed: string, secret: Uint8Array): string {
  return createHmac('sha256', secret).update(signed).digest('base64url');
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** Of either part; its signature says whether it may be believed. */
function read(text: string | undefined): (Head & Claims) | undefined {
  try {
    return JSON.parse(Buffer.from(text ?? '', 'base64url').toString()) as Head & Claims;
  } catch {
    return undefined;
  }
}

function isEqual(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}
