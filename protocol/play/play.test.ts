import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { playLeewayMs, playQuery, playSignature, verifyPlay, type PlayKey } from './index.ts';

const newest: PlayKey = { kid: 'k2', secret: Buffer.alloc(32, 2) };
const older: PlayKey = { kid: 'k1', secret: Buffer.alloc(32, 1) };
const keys = [newest, older];
const expiresAtMs = 1_800_000_000_000;
const roomId = 1_048_577;

const verify = (query: string, nowMs = expiresAtMs - 1) =>
  verifyPlay({ roomId, query: new URLSearchParams(query), keys, nowMs });

test('a signature is fixed for good', () => {
  expect(playSignature({ roomId, expiresAtMs, secret: newest.secret })).toMatchInlineSnapshot(
    `"C3tziseWcx5mK1U1W_-eprCFW__ZFxxvBOzdqAeXZgM"`,
  );
});

test('either of the two keys verifies, a third does not', () => {
  expect(verify(playQuery({ roomId, expiresAtMs, key: newest }))).toBe(true);
  expect(verify(playQuery({ roomId, expiresAtMs, key: older }))).toBe(true);
  expect(verify(playQuery({ roomId, expiresAtMs, key: { kid: 'k0', secret: newest.secret } }))).toBe(false);
});

test('it expires after the leeway for clocks that differ', () => {
  const query = playQuery({ roomId, expiresAtMs, key: newest });
  expect(verify(query, expiresAtMs + playLeewayMs)).toBe(true);
  expect(verify(query, expiresAtMs + playLeewayMs + 1)).toBe(false);
});

test('another room, a later expiry or a missing part is refused', () => {
  expect(verify(playQuery({ roomId: roomId + 1, expiresAtMs, key: newest }))).toBe(false);
  const query = new URLSearchParams(playQuery({ roomId, expiresAtMs, key: newest }));
  for (const name of query.keys().toArray()) {
    const without = new URLSearchParams(query);
    without.delete(name);
    expect(verify(without.toString()), `without ${name}`).toBe(false);
  }
  query.set('expires', String(expiresAtMs + 1));
  expect(verify(query.toString())).toBe(false);
});

test('no changed signature passes, and nothing throws', () => {
  const good = playSignature({ roomId, expiresAtMs, secret: newest.secret });
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (sig) => {
      const query = new URLSearchParams({ expires: String(expiresAtMs), kid: newest.kid, sig });
      expect(verify(query.toString())).toBe(sig === good);
    }),
  );
});
