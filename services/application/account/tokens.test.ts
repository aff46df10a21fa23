import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import * as tokens from './tokens.ts';

test('tokens parse back to what they were made of, and no two are alike', () => {
  const session = tokens.createSessionToken(268_435_457);
  expect(tokens.parseSessionToken(session.text)).toEqual(session);
  const api = tokens.createApiToken(7);
  expect(tokens.parseApiToken(api.text)).toEqual(api);
  expect(tokens.createSessionToken(268_435_457).hash).not.toEqual(session.hash);
  expect(tokens.parseApiToken(session.text)).toBeUndefined();
  expect(tokens.parseSessionToken(api.text)).toBeUndefined();
});

test('the CSRF token follows from the session and does not give it away', () => {
  const session = tokens.createSessionToken(7);
  expect(session.csrfToken).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(session.text).not.toContain(session.csrfToken);
  expect(tokens.createSessionToken(7).csrfToken).not.toBe(session.csrfToken);
});

test('what is no token is refused without a throw', () => {
  const secret = 'a'.repeat(43);
  const bad = ['', 'gs_', `gs_0.${secret}`, `gs_01.${secret}`, `gs_9999999999.${secret}`, `gs_7.${secret}a`];
  for (const text of bad) expect(tokens.parseSessionToken(text), text).toBeUndefined();
  for (const text of [`gt_7.${secret}`, `gt_7.0123456789ABCDEF.${secret}`]) {
    expect(tokens.parseApiToken(text), text).toBeUndefined();
  }
  fc.assert(
    fc.property(fc.string({ maxLength: 99 }), (text) => {
      void tokens.parseSessionToken(text);
      void tokens.parseApiToken(text);
    }),
  );
});

test('secrets compare by value, whatever their length', () => {
  expect(tokens.isSameSecret('abc', 'abc')).toBe(true);
  expect(tokens.isSameSecret('abc', 'abcd')).toBe(false);
  expect(tokens.isSameSecret('', 'abc')).toBe(false);
});
