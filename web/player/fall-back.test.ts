import { expect, test } from 'vitest';
import { FallBack } from './fall-back.ts';
import { protocols, type Protocol, type Way } from './support.ts';

const way = (protocol: Protocol): Way => ({ protocol, player: 'flv', url: `x:${protocol}` });
const all = protocols.map(way);
const nowMs = 1_000;

/** Goes through a round in which every way fails. */
function failRound(fallBack: FallBack, atMs: number): Protocol[] {
  const tried: Protocol[] = [];
  for (let next = fallBack.next(all, atMs); next; next = fallBack.next(all, atMs)) {
    tried.push(next.protocol);
    fallBack.fail(next.protocol, 'unreachable', atMs);
  }
  return tried;
}

test('a round goes down the list once, then says that it is over', () => {
  const fallBack = new FallBack();
  expect(failRound(fallBack, nowMs)).toEqual(['ws-flv', 'http-flv', 'll-hls']);
  expect(fallBack.failures.map(({ protocol }) => protocol)).toEqual(['ws-flv', 'http-flv', 'll-hls']);
});

test('a slow way is not followed by one that failed in the same round, though its back-off is over', () => {
  const fallBack = new FallBack();
  fallBack.next(all, nowMs);
  fallBack.fail('ws-flv', 'unreachable', nowMs);
  expect(fallBack.next(all, nowMs)?.protocol).toBe('http-flv');
  const laterMs = nowMs + 6_000;
  fallBack.fail('http-flv', 'unreachable', laterMs);
  expect(fallBack.next(all, laterMs)?.protocol).toBe('ll-hls');
});

test('every way has its own back-off, which doubles with each failure', () => {
  const fallBack = new FallBack(() => 1);
  failRound(fallBack, nowMs);
  expect(fallBack.waitMs(nowMs)).toBe(250);
  expect(fallBack.next(all, nowMs + 249)).toBeUndefined();
  failRound(fallBack, nowMs + 250);
  expect(fallBack.waitMs(nowMs + 250)).toBe(500);
});

test('what played comes first from then on, what is above it last', () => {
  const fallBack = new FallBack();
  fallBack.next(all, nowMs);
  fallBack.fail('ws-flv', 'unreachable', nowMs);
  fallBack.next(all, nowMs);
  fallBack.play('http-flv');
  expect(fallBack.failures).toEqual([{ protocol: 'ws-flv', cause: 'unreachable' }]);
  expect(failRound(fallBack, nowMs + 60_000)).toEqual(['http-flv', 'll-hls', 'ws-flv']);
});

test('a way that plays again has no failures', () => {
  const fallBack = new FallBack(() => 1);
  failRound(fallBack, nowMs);
  failRound(fallBack, nowMs + 250);
  fallBack.play('ws-flv');
  fallBack.fail('ws-flv', 'undecodable', nowMs);
  expect(fallBack.failures.at(-1)).toEqual({ protocol: 'ws-flv', cause: 'undecodable' });
  expect(fallBack.next([way('ws-flv')], nowMs + 249)).toBeUndefined();
  expect(fallBack.next([way('ws-flv')], nowMs + 250)?.protocol).toBe('ws-flv');
});

test('a refusal by name clears the ways that could not tell it', () => {
  const fallBack = new FallBack();
  fallBack.next(all, nowMs);
  fallBack.fail('ws-flv', 'unreachable', nowMs);
  fallBack.forgive();
  expect(fallBack.failures).toEqual([]);
  expect(fallBack.next(all, nowMs)?.protocol).toBe('ws-flv');
});

test('the way that played may be gone from the answer', () => {
  const fallBack = new FallBack();
  fallBack.play('ll-hls');
  expect(fallBack.next([way('ws-flv')], nowMs)?.protocol).toBe('ws-flv');
});
