import * as fc from 'fast-check';
import { userIdMax } from '@gala/protocol/ids';
import { expect, test } from 'vitest';
import { createStreamKey, matchesStreamKey, parseStreamKey } from './stream-key.ts';

test('a key parses back to its host and matches only what was stored for it', () => {
  const key = createStreamKey(268_435_457);
  const other = createStreamKey(268_435_457);
  const parsed = parseStreamKey(key.text);
  expect(parsed).toEqual(key);
  expect(matchesStreamKey(key, parsed!.hash)).toBe(true);
  expect(matchesStreamKey(key, other.hash)).toBe(false);
  expect(matchesStreamKey(key, Buffer.alloc(0))).toBe(false);
});

test('the secret has 160 bits and its hash does not hold it', () => {
  const key = createStreamKey(7);
  const secret = key.text.slice('7.'.length);
  expect(Buffer.from(secret, 'base64url')).toHaveLength(20);
  expect(key.hash.includes(Buffer.from(secret))).toBe(false);
});

test('what is no key is refused without a throw', () => {
  const secret = 'a'.repeat(27);
  for (const bad of ['', '.', `0.${secret}`, `01.${secret}`, `-1.${secret}`, `${userIdMax + 1}.${secret}`]) {
    expect(parseStreamKey(bad), bad).toBeUndefined();
  }
  for (const bad of ['7', '7.', '7.short', `7.${secret}?a=b`, `7.${'a'.repeat(65)}`, ` 7.${secret}`]) {
    expect(parseStreamKey(bad), bad).toBeUndefined();
  }
  fc.assert(fc.property(fc.string({ maxLength: 100 }), (text) => void parseStreamKey(text)));
});
