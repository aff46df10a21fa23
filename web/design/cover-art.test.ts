import { expect, test } from 'vitest';
import { coverArtOf, initialsOf, patterns } from './cover-art.ts';

test('a host keeps his look, however his name is written', () => {
  expect(coverArtOf('Night-Bus')).toEqual(coverArtOf('night-bus'));
});

test('hosts differ, and every pattern occurs', () => {
  const looks = Array.from({ length: 200 }, (_, index) => coverArtOf(`host-${index}`));
  expect(new Set(looks.map(({ pattern }) => pattern))).toEqual(new Set(patterns));
  expect(new Set(looks.map(({ hue }) => hue)).size).toBe(10);
});

test('initials', () => {
  expect(['mira', 'night-bus', 'tomas.k', 'wei_lan', 'x9', '7'].map(initialsOf)).toEqual([
    'MI',
    'NB',
    'TK',
    'WL',
    'X9',
    '7',
  ]);
});
