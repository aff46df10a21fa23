import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeItem, encodeItem, itemKeyOf, type Item } from './item.ts';

const item = fc.record<Item>({
  version: fc.maxSafeNat(),
  bytes: fc.option(
    fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
    { nil: undefined },
  ),
  isTombstone: fc.boolean(),
});

test('an item comes back as it was; a tombstone has no value', () => {
  fc.assert(
    fc.property(fc.string(), item, (key, given) => {
      const bytes = given.isTombstone ? undefined : given.bytes;
      expect(decodeItem(key, encodeItem(key, { ...given, bytes }))).toEqual({ ...given, bytes });
    }),
  );
});

test('the bytes of an item are for good', () => {
  const value = { version: 2 ** 40 + 7, bytes: Buffer.from('gala'), isTombstone: false };
  expect(encodeItem('room:1', value).toString('hex')).toBe('ca0143b6a5f3000001000000000767616c61');
  expect(encodeItem('room:1', { ...value, bytes: undefined }).toString('hex')).toBe(
    'ca020a04a5960000010000000007',
  );
  expect(encodeItem('room:1', { ...value, bytes: undefined, isTombstone: true }).toString('hex')).toBe(
    'ca031d7fb1d50000010000000007',
  );
});

test('what is damaged, cut, of another key or of somebody else is nothing', () => {
  fc.assert(
    fc.property(item, fc.nat(), fc.integer({ min: 1, max: 255 }), (given, place, flip) => {
      const bytes = encodeItem('key', given);
      const damaged = Buffer.from(bytes);
      damaged[place % damaged.length] ^= flip;
      expect(decodeItem('key', damaged)).toBeUndefined();
      expect(decodeItem('key', bytes.subarray(0, place % bytes.length))).toBeUndefined();
      expect(decodeItem('other', bytes)).toBeUndefined();
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect(decodeItem('key', Buffer.from(bytes))).toBeUndefined();
    }),
  );
});

test('keys that Memcached takes stay as they are, all others are hashed, no two to the same', () => {
  for (const key of ['a', 'room:1/2?x=%20', 'x'.repeat(250), '"', '~', 'a#'])
    expect(itemKeyOf(key)).toBe(key);
  for (const key of ['', 'a b', 'a\n', 'é', '#', `#${'x'.repeat(43)}`, 'x'.repeat(251), '\u007f', '\0']) {
    expect(itemKeyOf(key)).toMatch(/^#[\w-]{43}$/);
  }
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (key) => {
      expect(itemKeyOf(key)).toMatch(/^[!-~]{1,250}$/);
      expect(itemKeyOf(itemKeyOf(`${key} `))).not.toBe(itemKeyOf(`${key} `));
    }),
  );
});
