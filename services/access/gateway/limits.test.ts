import { loadSettings } from '@gala/lib/config';
import { ManualClock } from '@gala/lib/clock';
import { operations, type OperationName } from '@gala/protocol/rest';
import { beforeEach, expect, test } from 'vitest';
import { gatewaySection, readConfig } from './config.ts';
import { Limits, limitGroupOf } from './limits.ts';

const config = readConfig(loadSettings([gatewaySection], { env: {} }));
let clock: ManualClock;
let limits: Limits;

beforeEach(() => {
  clock = new ManualClock();
  limits = new Limits(config.limits, clock);
});

const refused = expect.objectContaining({ code: 'RATE_LIMITED', http: 429 });

/** Calls that pass before the first refusal. */
function passes(admit: () => void, most = 10_000): number {
  for (let count = 0; count < most; count++) {
    try {
      admit();
    } catch (error) {
      expect(error).toEqual(refused);
      return count;
    }
  }
  return most;
}

test('guessing is slower than changing, changing than reading', () => {
  expect(passes(() => limits.admitAddress('signIn', '192.0.2.1'))).toBe(10);
  expect(passes(() => limits.admitAddress('change', '192.0.2.1'))).toBe(100);
  expect(passes(() => limits.admitAddress('read', '192.0.2.1'))).toBe(400);
  expect(passes(() => limits.admitUser('change', 7))).toBe(30);
});

test('the refusal says when to come back, and then it passes', () => {
  passes(() => limits.admitAddress('signIn', '192.0.2.1'));
  expect(() => limits.admitAddress('signIn', '192.0.2.1')).toThrow(
    expect.objectContaining({ retryAfterSeconds: 5 }),
  );
  clock.advance(5000);
  expect(() => limits.admitAddress('signIn', '192.0.2.1')).not.toThrow();
});

test('one /64 is one client, another address is another', () => {
  passes(() => limits.admitAddress('signIn', '2001:db8::1'));
  expect(() => limits.admitAddress('signIn', '2001:db8::ffff:2')).toThrow(refused);
  expect(() => limits.admitAddress('signIn', '2001:db8:0:1::1')).not.toThrow();
  expect(() => limits.admitAddress('signIn', '192.0.2.2')).not.toThrow();
});

test('every operation belongs to the group of what it does', () => {
  const groups = Object.entries(operations).map(([name, operation]) => [
    limitGroupOf(name as OperationName, operation),
    name,
  ]);
  expect(groups.filter(([group]) => group === 'signIn').map(([, name]) => name)).toEqual([
    'signIn',
    'signInPartner',
  ]);
  expect(groups).toContainEqual(['read', 'enterRoom']);
  expect(groups).toContainEqual(['change', 'rotateStreamKey']);
});
