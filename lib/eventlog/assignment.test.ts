import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assign } from './assignment.ts';
import { decodeEntries, encodeEntries } from './framing.ts';

test('every partition has one member, and shares differ by one at most', () => {
  const members = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(members, fc.integer({ min: 1, max: 128 }), (ids, partitions) => {
      const shares = [...assign(ids, partitions).values()];
      expect(shares.flat().toSorted((one, other) => one - other)).toEqual([...Array(partitions).keys()]);
      const sizes = shares.map(({ length }) => length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      expect(assign(ids.toReversed(), partitions).get(ids[0])).toEqual(assign(ids, partitions).get(ids[0]));
    }),
  );
});

test('entries are read as they were written', () => {
  const entry = fc.record({ key: fc.string({ unit: 'grapheme' }), value: fc.uint8Array() });
  fc.assert(
    fc.property(fc.array(fc.array(entry), { maxLength: 4 }), (writes) => {
      const { bytes, lengths } = encodeEntries(writes);
      let at = 0;
      for (const [index, length] of lengths.entries()) {
        const decoded = decodeEntries(bytes.subarray(at, at + length));
        at += length;
        expect(decoded).toEqual(writes[index].map(({ key, value }) => ({ key, value: Buffer.from(value) })));
      }
      expect(at).toBe(bytes.length);
    }),
  );
});
