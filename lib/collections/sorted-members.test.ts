import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SortedMembers } from './sorted-members.ts';

type Step = readonly [kind: 'set' | 'remove' | 'dropLowest', member: string, score: number];

const steps = fc.array(
  fc.tuple(
    fc.constantFrom('set' as const, 'set' as const, 'set' as const, 'remove' as const, 'dropLowest' as const),
    fc.oneof(
      fc.constantFrom('a', 'b', 'aa', '\uFF5E', '\u{1F600}', '\u{1F600}a'),
      fc.string({ unit: 'grapheme' }),
    ),
    fc.integer({ min: -3, max: 3 }),
  ),
  { maxLength: 60 },
);

/** As Redis defines the order: by score, then by the bytes of the member. */
function sorted(model: ReadonlyMap<string, number>): { member: string; score: number }[] {
  return [...model]
    .map(([member, score]) => ({ member, score }))
    .toSorted(
      (one, other) =>
        one.score - other.score || Buffer.compare(Buffer.from(one.member), Buffer.from(other.member)),
    );
}

function apply(members: SortedMembers, model: Map<string, number>, [kind, member, score]: Step): void {
  if (kind === 'set') {
    expect(members.set(member, score)).toBe(!model.has(member));
    model.set(member, score);
  } else if (kind === 'remove') {
    expect(members.remove(member)).toBe(model.delete(member));
  } else {
    const lowest = sorted(model).slice(0, 2);
    expect(members.dropLowest(2)).toEqual(lowest);
    for (const each of lowest) model.delete(each.member);
  }
}

test('members stand in the order of Redis after any changes', () => {
  fc.assert(
    fc.property(steps, (changes) => {
      const members = new SortedMembers();
      const model = new Map<string, number>();
      for (const change of changes) apply(members, model, change);
      const order = sorted(model);
      expect(members.slice(0, members.size)).toEqual(order);
      for (const [index, { member, score }] of order.entries()) {
        expect([members.indexOf(member), members.scoreOf(member)]).toEqual([index, score]);
      }
      for (const score of [-4, -1, 0, 3]) {
        expect(members.countBelow(score)).toBe(order.filter((place) => place.score < score).length);
      }
    }),
    { numRuns: 300 },
  );
});
