import { expect, test } from 'vitest';
import { moveDelayMs, parseMove } from './move.ts';
import { rebase } from './support.ts';

test('a move names another edge, or the same address', () => {
  expect(parseMove({ onGalaMove: { url: 'http://b.test:8081', reason: 'drain' } })).toEqual({
    url: 'http://b.test:8081',
  });
  expect(parseMove({ onGalaMove: { reason: 'drain' } })).toEqual({ url: undefined });
});

test('other scripts are no move, and an address that is none is not followed', () => {
  expect([parseMove({ onMetaData: {} }), parseMove({ onGalaMove: 1 }), parseMove(null)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(parseMove({ onGalaMove: { url: 'javascript:alert(1)' } })).toEqual({ url: undefined });
  expect(parseMove({ onGalaMove: { url: 'nowhere' } })).toEqual({ url: undefined });
});

test('players move within a second, not at once', () => {
  expect([moveDelayMs(() => 0), moveDelayMs(() => 0.5), moveDelayMs(() => 1)]).toEqual([0, 500, 1_000]);
});

test('the address keeps its path and signature at another edge, and its kind of connection', () => {
  const socket = 'ws://a.test:8081/live/7.flv?sig=a%2Bb&latency=low';
  expect(rebase(socket, 'http://b.test:9000')).toBe('ws://b.test:9000/live/7.flv?sig=a%2Bb&latency=low');
  expect(rebase(socket, 'https://b.test')).toBe('wss://b.test/live/7.flv?sig=a%2Bb&latency=low');
  expect(rebase('http://a.test/live/7.flv', 'ws://b.test:1')).toBe('http://b.test:1/live/7.flv');
  expect(rebase(socket, undefined)).toBe(socket);
});
