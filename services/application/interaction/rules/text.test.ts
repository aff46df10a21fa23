import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cleanComment, hasLink, isEmotes } from './text.ts';

test('a comment is one composed line without what acts on its neighbours', () => {
  expect(cleanComment('  a\tb\r\nc  d ')).toBe('a b c d');
  expect(cleanComment('ab\u202ecd\u2066e\u0000\u0007\ufefff')).toBe('abcdef');
  expect(cleanComment('e\u0301')).toBe('é');
  expect(cleanComment(`x${'\u0336'.repeat(50)}y`)).toBe(`x${'\u0336'.repeat(4)}y`);
  expect(cleanComment('\ud800a')).toBe('\ufffda');
  expect(cleanComment('👩‍👩‍👧 می‌خواهم')).toBe('👩‍👩‍👧 می‌خواهم');
});

test('nothing to see is no comment; 200 characters are, one more is not', () => {
  for (const text of ['', ' \n', '\u200b\u200d', '\u3164', '\u2800', '\u0301', '\u202e']) {
    expect(cleanComment(text)).toBeUndefined();
  }
  expect(cleanComment('字'.repeat(200))).toHaveLength(200);
  expect(cleanComment('😀'.repeat(200))).toHaveLength(400);
  expect(cleanComment('字'.repeat(201))).toBeUndefined();
  expect(cleanComment(' '.repeat(100_000))).toBeUndefined();
});

test('emotes are emoji and names between colons', () => {
  for (const text of ['😀', '😀 😀', '👩‍👩‍👧🇩🇪', '❤️', '❤', '1️⃣', '👍🏽', ':kappa:', '😀:gg_1: :x:']) {
    expect(isEmotes(text), text).toBe(true);
  }
  for (const text of ['a', '1', '#', '😀a', ':ka ppa:', '::', ':', '中', ':' + 'x'.repeat(33) + ':']) {
    expect(isEmotes(text), text).toBe(false);
  }
});

test('links are found however they are written', () => {
  const links = [
    'http://x',
    'HTTPS://x.y',
    'www.x',
    'see example.com',
    'ｅｘａｍｐｌｅ。ｃｏｍ',
    'a.b.cn/x',
    '1.2.3.4:80',
    '例子.中国',
    't.me/x',
  ];
  for (const text of links) expect(hasLink(text), text).toBe(true);
  for (const text of ['hello.world', 'ok.then', '3.14', 'v1.2.3', 'end.Now go', 'a.community']) {
    expect(hasLink(text), text).toBe(false);
  }
});

const anyText = fc
  .array(fc.integer({ min: 0, max: 0x10ffff }), { maxLength: 250 })
  .map((points) => String.fromCodePoint(...points));

test('cleaning again changes nothing, and any text is taken', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const clean = cleanComment(text);
      if (clean === undefined) return;
      expect(cleanComment(clean)).toBe(clean);
      expect(clean).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
      isEmotes(text);
      hasLink(text);
    }),
    { numRuns: 500 },
  );
});

test('no text makes the patterns slow', () => {
  const texts = [
    'a.'.repeat(100),
    '1.'.repeat(100),
    ':a'.repeat(100),
    '😀'.repeat(200) + 'x',
    ':'.repeat(200),
    '❤️'.repeat(100) + 'a',
  ];
  const startMs = performance.now();
  let found = 0;
  for (const text of texts)
    for (let run = 0; run < 20; run++)
      found += Number(isEmotes(text)) + Number(hasLink(text)) + (cleanComment(text)?.length ?? 0);
  expect(found).toBeGreaterThan(0);
  expect(performance.now() - startMs).toBeLessThan(1000);
});
