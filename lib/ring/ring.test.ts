import { expect, test } from 'vitest';
import { ringFirst, ringOrder } from './index.ts';

const membersOf = (count: number) => Array.from({ length: count }, (_, index) => `front-${index + 1}`);
const keys = Array.from({ length: 10_000 }, (_, index) => `interaction/${index}`);

function firstsOf(members: readonly string[]): Map<string, string> {
  return new Map(keys.map((key) => [key, ringFirst(members, key)!]));
}

test('keys spread over the members, neighbours in name included', () => {
  const members = membersOf(10);
  const counts = Map.groupBy(firstsOf(members).values(), (id) => id);
  for (const id of members) {
    const share = (counts.get(id)?.length ?? 0) / keys.length;
    expect(share, id).toBeGreaterThan(0.08);
    expect(share, id).toBeLessThan(0.12);
  }
});

test('each place of the order spreads as well as the first', () => {
  const members = membersOf(5);
  for (const place of [1, 4]) {
    const counts = Map.groupBy(keys, (key) => ringOrder(members, key)[place]);
    for (const id of members) {
      const share = (counts.get(id)?.length ?? 0) / keys.length;
      expect(Math.abs(share - 0.2), `${id} at ${place}`).toBeLessThan(0.03);
    }
  }
});

test('a member that goes moves its own keys only, each to the next in its order', () => {
  const members = membersOf(6);
  const [gone, ...left] = members;
  const before = firstsOf(members);
  const after = firstsOf(left);
  for (const key of keys) {
    const expected = before.get(key) === gone ? ringOrder(members, key)[1] : before.get(key);
    expect(after.get(key)).toBe(expected);
  }
});

test('a member that comes takes its share and moves nothing else', () => {
  const members = membersOf(4);
  const before = firstsOf(members);
  const after = firstsOf([...members, 'front-5']);
  const moved = keys.filter((key) => before.get(key) !== after.get(key));
  expect(moved.every((key) => after.get(key) === 'front-5')).toBe(true);
  expect(Math.abs(moved.length / keys.length - 0.2)).toBeLessThan(0.03);
});

test('the order does not depend on how the members are listed', () => {
  const members = membersOf(7);
  const shuffled = [3, 6, 0, 2, 5, 1, 4].map((index) => members[index]);
  for (const key of keys.slice(0, 100)) {
    expect(ringOrder(shuffled, key)).toEqual(ringOrder(members, key));
    expect(ringFirst(shuffled, key)).toBe(ringOrder(members, key)[0]);
  }
});

test('nobody is there', () => {
  expect(ringOrder([], 'interaction/1')).toEqual([]);
  expect(ringFirst([], 'interaction/1')).toBeUndefined();
  expect(ringFirst(['one'], 'interaction/1')).toBe('one');
});
