import { expect, test } from 'vitest';
import { en } from './texts-en.ts';
import { formatBits, formatBytes, formatDuration, formatMs, formatRate } from './format.ts';
import { zh } from './texts-zh.ts';

test('bit rates', () => {
  expect([0, 820_400, 2_412_000, 1_200_000_000].map(formatBits)).toEqual([
    '0 b/s',
    '820 kb/s',
    '2.41 Mb/s',
    '1.20 Gb/s',
  ]);
});

test('bytes', () => {
  expect([512, 12_300, 3_250_000, 2_147_483_648].map(formatBytes)).toEqual([
    '512 B',
    '12 KiB',
    '3.1 MiB',
    '2.00 GiB',
  ]);
});

test('times and rates', () => {
  expect([40.4, -2.6, undefined].map(formatMs)).toEqual(['40 ms', '−3 ms', '–']);
  expect([40, 1500, 60_000, 9_000_000, 259_200_000].map(formatDuration)).toEqual([
    '40 ms',
    '1.5 s',
    '1 min',
    '2.5 h',
    '3 d',
  ]);
  expect([25, 29.9701].map(formatRate)).toEqual(['25', '29.97']);
});

test('both languages have the same words with the same names to fill in', () => {
  const names = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([name]) => name).sort();
  expect(Object.keys(zh)).toEqual(Object.keys(en));
  for (const [word, text] of Object.entries(zh)) {
    expect(names(text), word).toEqual(names(en[word as keyof typeof en]));
  }
});
