import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { amfValue } from '../fixtures/amf.ts';
import { EcmaArray, amfLimits, decodeAmf0, encodeAmf0, type AmfObject, type AmfValue } from './index.ts';

const bytesOf = (...bytes: number[]) => Buffer.from(bytes);
const code = (expected: string) => expect.objectContaining({ name: 'MediaError', code: expected });

test('every value survives a round trip', () => {
  fc.assert(
    fc.property(fc.array(amfValue, { maxLength: 4 }), (values) => {
      expect(decodeAmf0(encodeAmf0(...values))).toEqual(values);
    }),
    { numRuns: 500 },
  );
});

test('numbers are doubles in network order', () => {
  expect(encodeAmf0(1.5).toString('hex')).toBe('003ff8000000000000');
  expect(decodeAmf0(Buffer.from('0041efffffffe00000', 'hex'))).toEqual([2 ** 32 - 1]);
});

test('a string over 65,535 bytes takes the long form', () => {
  const text = 'x'.repeat(65_536);
  const bytes = encodeAmf0(text);
  expect(bytes.subarray(0, 5).toString('hex')).toBe('0c00010000');
  expect(decodeAmf0(bytes)).toEqual([text]);
});

test('the count of an ECMA array is a hint: too small, too large and zero read alike', () => {
  const bytes = encodeAmf0(new EcmaArray({ width: 1280, height: 720 }));
  for (const count of [0, 1, 2, 0xffffffff]) {
    bytes.writeUInt32BE(count, 1);
    expect(decodeAmf0(bytes)).toEqual([{ width: 1280, height: 720 }]);
  }
});

test('a key named __proto__ is only a key', () => {
  const [object] = decodeAmf0(encodeAmf0(JSON.parse('{"__proto__":{"polluted":true}}') as AmfObject));
  expect(Object.keys(object as AmfObject)).toEqual(['__proto__']);
  expect(({} as AmfObject)['polluted']).toBeUndefined();
});

test('a missing end marker of the last object is forgiven', () => {
  const bytes = encodeAmf0({ a: 1 });
  expect(decodeAmf0(bytes.subarray(0, -3))).toEqual([{ a: 1 }]);
});

test('10,000 nested objects are refused, not followed', () => {
  const level = bytesOf(3, 0, 1, 0x61);
  expect(() => decodeAmf0(Buffer.concat(Array.from({ length: 10_000 }, () => level)))).toThrow(
    code('AMF_TOO_DEEP'),
  );
});

test('nesting is allowed up to the limit', () => {
  const nest = (depth: number): AmfValue => (depth === 0 ? 1 : [nest(depth - 1)]);
  expect(decodeAmf0(encodeAmf0(nest(amfLimits.depthMax)))).toHaveLength(1);
  expect(() => decodeAmf0(encodeAmf0(nest(amfLimits.depthMax + 1)))).toThrow(code('AMF_TOO_DEEP'));
});

test('declared sizes are not believed', () => {
  expect(() => decodeAmf0(bytesOf(10, 0xff, 0xff, 0xff, 0xff, 5))).toThrow(code('AMF_TRUNCATED'));
  expect(() => decodeAmf0(bytesOf(12, 0x00, 0x00, 0xff, 0xff, 5))).toThrow(code('AMF_TRUNCATED'));
  expect(() => decodeAmf0(bytesOf(12, 0xff, 0xff, 0xff, 0xff, 5))).toThrow(code('AMF_STRING_TOO_LONG'));
});

test('the number of values is bounded', () => {
  const many = Buffer.alloc(amfLimits.valuesMax + 1, 5);
  expect(() => decodeAmf0(many)).toThrow(code('AMF_TOO_MANY'));
  expect(decodeAmf0(many.subarray(1))).toHaveLength(amfLimits.valuesMax);
});

test('references and AMF3 values are refused by name', () => {
  for (const type of [4, 7, 14, 17, 255]) {
    expect(() => decodeAmf0(bytesOf(type, 0, 0))).toThrow(code('AMF_MARKER_UNKNOWN'));
  }
});
