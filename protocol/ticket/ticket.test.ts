import { expect, test } from 'vitest';
import { signTicket, ticketKid, verifyTicket, type SignalTicket } from './index.ts';

const key = { kid: 'a', secret: Buffer.from('a secret of some length') };
const ticket: SignalTicket = {
  roomId: 1_048_577,
  userId: 7,
  name: 'alice',
  role: 'viewer',
  device: 'd1',
  expiresAtMs: 2_000_000,
};
const at = (nowMs: number) => ({ keys: [key], nowMs });

test('a ticket says what was signed, until it expires', () => {
  const text = signTicket(ticket, key);
  expect(ticketKid(text)).toBe('a');
  expect(verifyTicket(text, at(1_900_000))).toEqual(ticket);
  expect(verifyTicket(text, at(2_029_000))).toEqual(ticket);
  expect(verifyTicket(text, at(2_031_000))).toBeUndefined();
});

test('nothing else is a ticket', () => {
  const text = signTicket(ticket, key);
  const [head, body, signature] = text.split('.');
  const other = signTicket({ ...ticket, role: 'host' }, { ...key, secret: Buffer.from('another') });
  const none = Buffer.from(JSON.stringify({ alg: 'none', kid: 'a' })).toString('base64url');
  const forged = [
    other,
    `${none}.${body}.`,
    `${head}.${body}.`,
    `${head}.${other.split('.')[1]}.${signature}`,
  ];
  for (const bad of [...forged, '', '.', 'a.b.c', `${text}.x`]) {
    expect(verifyTicket(bad, at(0)), bad).toBeUndefined();
  }
  expect(verifyTicket(text, { keys: [{ ...key, kid: 'b' }], nowMs: 0 })).toBeUndefined();
  expect(ticketKid('nonsense')).toBeUndefined();
});
