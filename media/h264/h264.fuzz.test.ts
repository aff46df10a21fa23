import * as fc from 'fast-check';
import { test } from 'vitest';
import { readFlvTags } from '../fixtures/flv.ts';
import { assertOnlyMediaErrors, damaged, fuzzRuns, fuzzTimeoutMs } from '../fixtures/fuzz.ts';
import {
  annexBNals,
  inspectAvcAccessUnit,
  parseAvcDecoderRecord,
  parseAvcSps,
  rebuildAvcDecoderRecord,
  toAvcc,
} from './index.ts';

const bodies = readFlvTags()
  .filter((tag) => tag.type === 'video')
  .map((tag): Buffer => tag.payload.subarray(5, 400));
const [recordBytes] = bodies;
const record = parseAvcDecoderRecord(recordBytes);
const [sps] = record.sps;
const withSets: Buffer = toAvcc([...record.sps, ...record.pps, Buffer.from('6588840010', 'hex')]);

test(
  'damaged records, parameter sets and access units throw only MediaError',
  () => {
    const input = damaged(fc.constantFrom<Buffer>(recordBytes, sps, withSets, ...bodies.slice(1, 4)));
    fc.assert(
      fc.property(input, (bytes) => {
        assertOnlyMediaErrors(() => parseAvcDecoderRecord(bytes));
        assertOnlyMediaErrors(() => parseAvcSps(bytes));
        assertOnlyMediaErrors(() => parseAvcSps(Buffer.concat([Buffer.from([0x67]), bytes])));
        assertOnlyMediaErrors(() => toAvcc(annexBNals(bytes)));
        for (const nalLengthBytes of [1, 2, 4] as const) {
          assertOnlyMediaErrors(() =>
            rebuildAvcDecoderRecord(record, inspectAvcAccessUnit(bytes, nalLengthBytes)),
          );
        }
      }),
      { numRuns: fuzzRuns },
    );
  },
  fuzzTimeoutMs,
);
