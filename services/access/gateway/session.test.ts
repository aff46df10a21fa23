import * as fc from 'fast-check';
import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import type { Caller, Credentials } from './call.ts';
import { checkCsrf, credentialsOf, setCookie } from './session.ts';

/** Only the fields that are read here; node:http makes the real ones in gateway.test.ts. */
const request = (headers: IncomingMessage['headers'], method = 'POST') =>
  ({ headers, method }) as unknown as IncomingMessage;
const credentials = (headers: IncomingMessage['headers']) => credentialsOf(request(headers), 'gala_session');

test('a bearer token wins over the session cookie', () => {
  const cookie = 'theme=dark; gala_session=abc; x=y';
  expect(credentials({ cookie })).toEqual({ token: 'abc', via: 'cookie' });
  expect(credentials({ cookie, authorization: 'bearer t.1' })).toEqual({ token: 't.1', via: 'bearer' });
});

test('what is no credential is none', () => {
  for (const headers of [
    {},
    { cookie: 'gala_session=' },
    { cookie: 'gala_session' },
    { cookie: 'xgala_session=abc' },
    { authorization: 'Basic abc' },
    { authorization: 'Bearer ' },
    { authorization: 'Bearer a b' },
  ]) {
    expect(credentials(headers), JSON.stringify(headers)).toBeUndefined();
  }
});

test('no header throws', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (cookie, authorization) => {
      const found = credentials({ cookie, authorization });
      expect(found === undefined || found.token.length > 0).toBe(true);
    }),
  );
});

const caller = (via: Credentials['via'], csrfToken = 'c5rf'): Caller => ({
  userId: 7,
  name: 'seven',
  roles: [],
  scopes: [],
  csrfToken,
  expiresAtMs: undefined,
  credentials: { token: 't', via },
});

test('a change on a cookie repeats the CSRF token', () => {
  const refusal = expect.objectContaining({ code: 'CSRF_MISMATCH' });
  expect(() => checkCsrf(request({ 'x-gala-csrf': 'c5rf' }), caller('cookie'))).not.toThrow();
  for (const headers of [{}, { 'x-gala-csrf': '' }, { 'x-gala-csrf': 'other' }, { 'x-gala-csrf': 'c5rf2' }]) {
    expect(() => checkCsrf(request(headers), caller('cookie')), JSON.stringify(headers)).toThrow(refusal);
  }
  expect(() => checkCsrf(request({ 'x-gala-csrf': '' }), caller('cookie', '')), 'no token at all').toThrow(
    refusal,
  );
});

test('reads and bearer tokens need none', () => {
  expect(() => checkCsrf(request({}, 'GET'), caller('cookie'))).not.toThrow();
  expect(() => checkCsrf(request({}, 'HEAD'), caller('cookie'))).not.toThrow();
  expect(() => checkCsrf(request({}), caller('bearer'))).not.toThrow();
});

test('the cookie is out of reach of scripts and other sites, and secure where the page is', () => {
  const cookie = { name: 'gala_session', path: '/' };
  const page = { scheme: 'http', host: 'gala.test', hostname: 'gala.test' } as const;
  expect(setCookie(cookie, { token: 'abc', maxAgeSeconds: 60.9, page })).toBe(
    'gala_session=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Lax',
  );
  expect(setCookie(cookie, { token: '', maxAgeSeconds: -1, page: { ...page, scheme: 'https' } })).toBe(
    'gala_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure',
  );
});
