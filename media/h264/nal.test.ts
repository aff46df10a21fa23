import { describe, expect, test } from 'vitest';
import {
  addEmulationPrevention,
  annexBNals,
  avccNals,
  removeEmulationPrevention,
  toAnnexB,
  toAvcc,
} from './index.ts';

const code = (expected: string) => expect.objectContaining({ name: 'MediaError', code: expected });
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const units = [hex('67 42 c0 28'), hex('68 ce'), hex('65 88 84 00 10')];

describe('AVCC', () => {
  test.each([1, 2, 4] as const)('lengths of %d bytes', (nalLengthBytes) => {
    const bytes = toAvcc(units, nalLengthBytes);
    expect(bytes.length).toBe(11 + 3 * nalLengthBytes);
    expect([...avccNals(bytes, nalLengthBytes)]).toEqual(units);
  });

  test('empty units are left out', () => {
    expect([...avccNals(hex('00000000 00000001 65'), 4)]).toEqual([hex('65')]);
  });

  test.each(['00', '000000', '00000002 65', 'ffffffff 65'])(
    'lengths that do not add up (%s) are refused',
    (bytes) => {
      expect(() => [...avccNals(hex(bytes), 4)]).toThrow(code('AVC_NAL_INVALID'));
    },
  );

  test('a unit too long for its length field is refused', () => {
    expect(() => toAvcc([Buffer.alloc(256, 1)], 1)).toThrow(code('AVC_NAL_INVALID'));
  });
});

describe('Annex B', () => {
  test('start codes of three and four bytes, filling behind units', () => {
    const bytes = hex('00000001 6742c028 000001 68ce 0000 00000001 6588840010 00');
    expect([...annexBNals(bytes)]).toEqual(units);
  });

  test('there and back through AVCC', () => {
    const bytes = toAnnexB(units);
    expect(toAnnexB(avccNals(toAvcc(annexBNals(bytes)), 4))).toEqual(bytes);
  });

  test('bytes without a start code hold no unit', () => {
    expect([...annexBNals(hex('6742c028'))]).toEqual([]);
    expect([...annexBNals(Buffer.alloc(0))]).toEqual([]);
  });
});

test('emulation prevention bytes are taken out and put in', () => {
  expect(removeEmulationPrevention(hex('6742 000003 01 000003 00000302'))).toEqual(
    hex('6742 0000 01 0000 0000 02'),
  );
  expect(addEmulationPrevention(hex('67 000000 0001 000004'))).toEqual(hex('67 000003 0000 03 01 000004'));
  for (const payload of [hex('000000000000'), hex('000001000002000003'), hex('00000300000303')]) {
    expect(removeEmulationPrevention(addEmulationPrevention(payload))).toEqual(payload);
  }
});
