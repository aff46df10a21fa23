import { describe, expect, test } from 'vitest';
import { readFlvTags } from '../fixtures/flv.ts';
import { parseVideoTag } from '../flv/index.ts';
import {
  createAvcDecoderRecord,
  encodeAvcDecoderRecord,
  inspectAvcAccessUnit,
  parseAvcDecoderRecord,
  parseAvcSps,
  rebuildAvcDecoderRecord,
  toAvcc,
  type AvcDecoderRecord,
} from './index.ts';

const code = (expected: string) => expect.objectContaining({ name: 'MediaError', code: expected });
const hex = (text: string) => Buffer.from(text, 'hex');
const smallSps = hex('6742c01ed900a02ff97011000003000100000300320f162e48');
const largeSps = hex('6742c028da01e0089f97011000003e90000ea600f1832a');
const highSps = hex('6764001facd940d83de6fff014001ab6a02020280000030008000003032078c18cb0');
const smallPps = hex('68cb83cb20');
const largePps = hex('68ce0fc8');
const idr = hex('6588840010');

function recordOfFfmpeg(): { bytes: Buffer; record: AvcDecoderRecord } {
  const tag = readFlvTags().find(
    (each) => each.type === 'video' && parseVideoTag(each.payload).isSequenceHeader,
  )!;
  const bytes = tag.payload.subarray(5);
  return { bytes, record: parseAvcDecoderRecord(bytes) };
}

test('the record of ffmpeg is read and written back byte by byte', () => {
  const { bytes, record } = recordOfFfmpeg();
  expect(record).toMatchObject({ profile: 100, nalLengthBytes: 4 });
  expect(parseAvcSps(record.sps[0])).toMatchObject({ width: 160, height: 120, framesPerSecond: 25 });
  expect(encodeAvcDecoderRecord(record)).toEqual(bytes);
});

test.each([1, 2, 4] as const)('a record with lengths of %d bytes survives a round trip', (nalLengthBytes) => {
  const record = createAvcDecoderRecord([smallSps, largeSps], [smallPps], nalLengthBytes);
  expect(parseAvcDecoderRecord(encodeAvcDecoderRecord(record))).toEqual(record);
});

test('a record of a high profile gets its chroma and bit depth fields', () => {
  const record = createAvcDecoderRecord([highSps], [largePps]);
  expect(record.extension.toString('hex')).toBe('fdf8f800');
});

test.each([
  ['nothing', ''],
  ['another version', '0042c01effe10000'],
  ['lengths of three bytes', '0142c01efee00000'],
  ['an SPS cut off', '0142c01effe1001967'],
  ['a missing PPS', '0142c01effe00100'],
  ['no PPS count', '0142c01effe10000'],
])('%s is refused', (_, bytes) => {
  expect(() => parseAvcDecoderRecord(hex(bytes))).toThrow(code('AVC_RECORD_INVALID'));
});

describe('parameter sets in band', () => {
  const known = createAvcDecoderRecord([smallSps], [smallPps]);
  const unit = (...nals: Buffer[]) => inspectAvcAccessUnit(toAvcc(nals), 4);

  test('the same sets change nothing', () => {
    expect(rebuildAvcDecoderRecord(known, unit(smallSps, smallPps, idr))).toBeUndefined();
    expect(rebuildAvcDecoderRecord(known, unit(idr))).toBeUndefined();
  });

  test('changed sets make a new record that owns its memory', () => {
    const accessUnit = toAvcc([largeSps, largePps, idr]);
    const rebuilt = rebuildAvcDecoderRecord(known, inspectAvcAccessUnit(accessUnit, 4));
    accessUnit.fill(0);
    expect(rebuilt).toMatchObject({ level: 40, nalLengthBytes: 4, sps: [largeSps], pps: [largePps] });
  });

  test('a change of the PPS alone keeps the SPS', () => {
    const rebuilt = rebuildAvcDecoderRecord(known, unit(largePps, idr));
    expect(rebuilt).toMatchObject({ sps: [smallSps], pps: [largePps] });
  });

  test('sets only in band make the first record, once both kinds are there', () => {
    expect(rebuildAvcDecoderRecord(undefined, unit(smallSps, smallPps, idr))).toEqual(known);
    expect(rebuildAvcDecoderRecord(undefined, unit(smallSps))).toBeUndefined();
  });

  test('AUD and SEI in front of an IDR do not hide it', () => {
    expect(unit(hex('09f0'), hex('0605ff'), idr)).toMatchObject({ hasIdr: true, isDisposable: false });
    expect(unit(hex('09f0'), hex('019a'))).toMatchObject({ hasIdr: false, isDisposable: true });
  });
});
