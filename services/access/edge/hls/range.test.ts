import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRange, sliceChunks } from './range.ts';

test.each([
  [undefined, undefined],
  ['bytes=0-9', { first: 0, last: 9 }],
  ['bytes=90-', { first: 90, last: 99 }],
  ['bytes=90-500', { first: 90, last: 99 }],
  ['bytes=-10', { first: 90, last: 99 }],
  ['bytes=-500', { first: 0, last: 99 }],
  ['bytes=100-', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=9-0', undefined],
  ['bytes=-', undefined],
  ['bytes=0-1,5-6', undefined],
  ['items=0-1', undefined],
])('%s of 100 bytes', (header, range) => {
  expect(parseRange(header, 100)).toEqual(range);
});

test('a slice of pieces is the slice of the whole', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 5 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(pieces, fc.nat(30), fc.nat(30), (arrays, first, more) => {
      const chunks = arrays.map((bytes) => Buffer.from(bytes));
      const whole = Buffer.concat(chunks);
      const last = first + more;
      expect(Buffer.concat(sliceChunks(chunks, { first, last }))).toEqual(whole.subarray(first, last + 1));
    }),
  );
});
