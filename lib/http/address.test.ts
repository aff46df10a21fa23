import { expect, test } from 'vitest';
import { clientAddress, hostPort, normalizeAddress, rateKey, trustedProxies } from './index.ts';

const proxies = trustedProxies(['127.0.0.1', '10.0.0.0/8', 'fd00::/8']);

test('the peer is the client unless it is trusted', () => {
  expect(clientAddress('::ffff:203.0.113.5', '198.51.100.1', proxies)).toBe('203.0.113.5');
  expect(clientAddress('127.0.0.1', '198.51.100.1', proxies)).toBe('198.51.100.1');
  expect(clientAddress('127.0.0.1', undefined, proxies)).toBe('127.0.0.1');
});

test('a made-up entry to the left of the first untrusted address is never believed', () => {
  expect(clientAddress('10.1.1.1', '1.2.3.4, 198.51.100.1, fd00::7', proxies)).toBe('198.51.100.1');
  expect(clientAddress('10.1.1.1', '198.51.100.1, rubbish', proxies)).toBe('10.1.1.1');
});

test('addresses are written in one way', () => {
  expect(normalizeAddress('[2001:DB8::1]:443')).toBe('2001:db8::1');
  expect(normalizeAddress('198.51.100.1:80')).toBe('198.51.100.1');
  expect(normalizeAddress('fe80::1%eth0')).toBe('fe80::1');
  expect(normalizeAddress('999.1.1.1')).toBeUndefined();
  expect(hostPort('::1', 80)).toBe('[::1]:80');
});

test('limits see one client in a whole /64', () => {
  expect(rateKey('2001:db8:0:1::1')).toBe('2001:db8:0:1::/64');
  expect(rateKey('2001:db8:0:1:ffff:1:2:3')).toBe('2001:db8:0:1::/64');
  expect(rateKey('2001:0db8::1')).toBe('2001:db8:0:0::/64');
  expect(rateKey('::1')).toBe('0:0:0:0::/64');
  expect(rateKey('64:ff9b::192.0.2.1')).toBe('64:ff9b:0:0::/64');
  expect(rateKey('198.51.100.1')).toBe('198.51.100.1');
});

test('a range that is none is refused by name', () => {
  for (const range of ['10.0.0.0/33', 'proxy', '::1/129', '10.0.0.0/x']) {
    expect(() => trustedProxies([range])).toThrow(
      expect.objectContaining({ code: 'PROXY_INVALID', detail: range }),
    );
  }
});
