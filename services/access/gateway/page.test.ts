import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { isSameOrigin, pageOf } from './page.ts';

/** Only the fields that a page is read from; node:http makes the real ones in gateway.test.ts. */
const request = (headers: IncomingMessage['headers'], encrypted = false) =>
  ({ headers, socket: { encrypted } }) as unknown as IncomingMessage;
const plain = { publicUrl: undefined, trusted: false };

test('the page is the host that the client used', () => {
  expect(pageOf(request({ host: 'gala.test:8080' }), plain)).toEqual({
    scheme: 'http',
    host: 'gala.test:8080',
    hostname: 'gala.test',
  });
  expect(pageOf(request({ host: '[::1]:8080' }, true), plain)).toMatchObject({
    scheme: 'https',
    hostname: '[::1]',
  });
});

test('a public address wins', () => {
  const options = { publicUrl: 'https://gala.example/show', trusted: false };
  expect(pageOf(request({ host: '10.0.0.7' }), options)).toEqual({
    scheme: 'https',
    host: 'gala.example',
    hostname: 'gala.example',
  });
});

test('forwarded headers are believed from trusted proxies only', () => {
  const headers = { host: 'inner', 'x-forwarded-proto': 'https, http', 'x-forwarded-host': 'outer.test' };
  expect(pageOf(request(headers), plain)).toMatchObject({ scheme: 'http', host: 'inner' });
  expect(pageOf(request(headers), { ...plain, trusted: true })).toMatchObject({
    scheme: 'https',
    host: 'outer.test',
  });
});

test('a Host that could not stand in a URL is refused', () => {
  for (const host of ['', 'a b', 'a/b', 'user@host', 'x:y', '"', 'a:123456']) {
    expect(() => pageOf(request({ host }), plain), host).toThrow(
      expect.objectContaining({ code: 'INVALID_REQUEST' }),
    );
  }
});

test('sign-in takes the own origin and clients that are no browsers', () => {
  const page = pageOf(request({ host: 'gala.test' }), plain);
  const same = (headers: IncomingMessage['headers']) =>
    isSameOrigin(request({ host: 'gala.test', ...headers }), page);
  expect(same({})).toBe(true);
  expect(same({ origin: 'http://GALA.test' })).toBe(true);
  expect(same({ 'sec-fetch-site': 'same-origin' })).toBe(true);
  expect(same({ origin: 'http://evil.test' })).toBe(false);
  expect(same({ origin: 'null' })).toBe(false);
  expect(same({ 'sec-fetch-site': 'cross-site' })).toBe(false);
  expect(same({ 'sec-fetch-site': 'same-site', origin: 'http://gala.test' })).toBe(false);
});
