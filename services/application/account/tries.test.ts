import { ManualClock } from '@gala/lib/clock';
import { expect, test } from 'vitest';
import { addressKeyOf, Tries } from './tries.ts';

function triesOf() {
  const clock = new ManualClock();
  const limits = { triesPerNameMax: 3, triesPerAddressMax: 5, tryWindowSeconds: 60 };
  return { clock, tries: new Tries(limits, clock) };
}

const tooMany = expect.objectContaining({ code: 'TOO_MANY_TRIES', retryAfterSeconds: 60 }) as Error;

test('a name has so many wrong tries a window, from wherever they come', () => {
  const { clock, tries } = triesOf();
  for (let turn = 0; turn < 3; turn++) tries.take('mira', `192.0.2.${turn}`);
  expect(() => tries.take('mira', '198.51.100.1')).toThrow(tooMany);
  tries.take('other', '198.51.100.1');
  clock.advance(60_000);
  expect(() => tries.take('mira', '198.51.100.1')).not.toThrow();
});

test('an address has so many, whatever the names; the right password gives its try back', () => {
  const { tries } = triesOf();
  for (let turn = 0; turn < 20; turn++) {
    tries.take('mira', '192.0.2.1');
    tries.succeed('mira', '192.0.2.1');
  }
  for (let turn = 0; turn < 5; turn++) tries.take(`name${turn}`, '192.0.2.1');
  expect(() => tries.take('name6', '192.0.2.1')).toThrow(tooMany);
});

test('a try that found nothing out does not count, and does not undo those that did', () => {
  const { tries } = triesOf();
  for (let turn = 0; turn < 2; turn++) tries.take('mira', '192.0.2.1');
  for (let turn = 0; turn < 20; turn++) {
    tries.take('mira', '192.0.2.1');
    tries.giveBack('mira', '192.0.2.1');
  }
  tries.take('mira', '192.0.2.1');
  expect(() => tries.take('mira', '192.0.2.1')).toThrow(tooMany);
});

test('a flood of names is forgotten oldest first, and its memory bounded', () => {
  const { tries } = triesOf();
  for (let turn = 0; turn < 3; turn++) tries.take('mira', '');
  for (let turn = 0; turn < 10_000; turn++) tries.take(`name${turn}`, '');
  expect(() => tries.take('mira', '')).not.toThrow();
});

test('an IPv6 network counts as one address, a mapped one as its IPv4 address', () => {
  expect(addressKeyOf('2001:db8:1:2::1')).toBe('2001:db8:1:2');
  expect(addressKeyOf('2001:0DB8:1:2:ffff:ffff:ffff:ffff')).toBe('2001:db8:1:2');
  expect(addressKeyOf('2001:db8::7')).toBe('2001:db8:0:0');
  expect(addressKeyOf('::1')).toBe('0:0:0:0');
  expect(addressKeyOf('::ffff:192.0.2.9')).toBe('192.0.2.9');
  expect(addressKeyOf('192.0.2.9')).toBe('192.0.2.9');
  expect(addressKeyOf('')).toBe('');
});
