import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { isSameOrigin, pageOf } from './page.ts';

test('the page is the origin that the client used', () => {
  expect(pageOf('http://gala.test:8080')).toEqual({
    scheme: 'http',
    host: 'gala.test:8080',
    hostname: 'gala.test',
  });
  expect(pageOf('https://[::1]:8080')).toEqual({ scheme: 'https', host: '[::1]:8080', hostname: '[::1]' });
  expect(pageOf('https://gala.example/show')).toMatchObject({ host: 'gala.example' });
});

test('a Host that could not stand in a URL is refused', () => {
  for (const host of ['', 'a b', 'user@host', 'x:y', 'a:123456', '[::1', 'a<b']) {
    expect(() => pageOf(`http://${host}`), host).toThrow(
      expect.objectContaining({ code: 'INVALID_REQUEST' }),
    );
  }
  expect(() => pageOf('ftp://a')).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
});

test('sign-in takes the own origin and clients that are no browsers', () => {
  const page = pageOf('http://gala.test');
  const same = (headers: IncomingMessage['headers']) =>
    isSameOrigin({ headers: { host: 'inner.test', ...headers } } as IncomingMessage, page);
  expect(same({})).toBe(true);
  expect(same({ origin: 'http://GALA.test' })).toBe(true);
  expect(same({ origin: 'http://inner.test' })).toBe(true);
  expect(same({ 'sec-fetch-site': 'same-origin' })).toBe(true);
  expect(same({ origin: 'http://evil.test' })).toBe(false);
  expect(same({ origin: 'null' })).toBe(false);
  expect(same({ 'sec-fetch-site': 'cross-site' })).toBe(false);
  expect(same({ 'sec-fetch-site': 'same-site', origin: 'http://gala.test' })).toBe(false);
});
