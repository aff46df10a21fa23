import fc from 'fast-check';
import { expect, test } from 'vitest';
import { murmur3 } from './murmur.ts';
import { Ring } from './ring.ts';

const keyCount = 20_000;
const keys = Array.from({ length: keyCount }, (_, index) => `room:${index}`);
const nodesOf = (count: number) => Array.from({ length: count }, (_, index) => `10.0.0.${index + 1}:11211`);
const salts = fc.string({ minLength: 1, maxLength: 12 });

test.each([
  ['', 0, 0],
  ['', 1, 0x514e28b7],
  ['test', 0, 0xba6bd213],
  ['test', 0x9747b28c, 0x704b81dc],
  ['Hello, world!', 0, 0xc0363e43],
  ['Hello, world!', 0x9747b28c, 0x24884cba],
  ['aaa', 0x9747b28c, 0x283e0130],
  ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
])('murmur3 of %j under %i is the published one', (text, seed, hash) => {
  expect(murmur3(text, seed)).toBe(hash);
});

test('the places of keys are those that other processes and releases know', () => {
  const places = (salt: string) => keys.slice(0, 24).map((key) => new Ring(nodesOf(3), salt).indexOf(key));
  expect(places('a').join('')).toBe('002020201220220021101002');
  expect(places('b').join('')).toBe('212111221001020011122201');
});

test('the order in which nodes are listed means nothing', () => {
  const shuffled = fc.shuffledSubarray(nodesOf(7), { minLength: 7 });
  fc.assert(
    fc.property(shuffled, salts, (listed, salt) => {
      const [ring, other] = [new Ring(nodesOf(7), salt), new Ring(listed, salt)];
      for (const key of keys.slice(0, 300)) {
        expect(other.nodes[other.indexOf(key)]).toBe(ring.nodes[ring.indexOf(key)]);
      }
    }),
    { numRuns: 20 },
  );
});

test('each node has about its share', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), salts, (count, salt) => {
      const ring = new Ring(nodesOf(count), salt);
      const shares = Array.from({ length: count }, () => 0);
      for (const key of keys) shares[ring.indexOf(key)] += count / keyCount;
      expect(Math.min(...shares)).toBeGreaterThan(0.75);
      expect(Math.max(...shares)).toBeLessThan(1.25);
    }),
    { numRuns: 20 },
  );
});

test('a node that leaves moves its own keys and no other, over all that stay', () => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 12 }), salts, (count, salt) => {
      const before = new Ring(nodesOf(count), salt);
      const after = new Ring(nodesOf(count - 1), salt);
      const receivers = new Set<number>();
      let moved = 0;
      for (const key of keys) {
        const [from, to] = [before.indexOf(key), after.indexOf(key)];
        if (from === to) continue;
        expect(from).toBe(count - 1);
        receivers.add(to);
        moved++;
      }
      expect(moved / keyCount).toBeLessThan(1.25 / count);
      expect(receivers.size).toBe(count - 1);
    }),
    { numRuns: 20 },
  );
});

test('keys of one node are spread over all nodes of a ring with another salt', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 6 }), fc.integer({ min: 2, max: 6 }), salts, (m, n, salt) => {
      const [one, two] = [new Ring(nodesOf(m), `${salt}1`), new Ring(nodesOf(n), `${salt}2`)];
      const ofFirst = keys.filter((key) => one.indexOf(key) === 0);
      const both = ofFirst.filter((key) => two.indexOf(key) === 0);
      const share = keys.filter((key) => two.indexOf(key) === 0).length / keyCount;
      expect(both.length / ofFirst.length).toBeGreaterThan(share * 0.75);
      expect(both.length / ofFirst.length).toBeLessThan(share * 1.25);
    }),
    { numRuns: 20 },
  );
});
