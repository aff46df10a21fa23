import * as fc from 'fast-check';
import { corpus } from '../fixtures/corpus.ts';
import { assertOnlyMediaErrors, damaged, fuzz } from '../fixtures/fuzz.ts';
import {
  annexBNals,
  inspectAvcAccessUnit,
  parseAvcDecoderRecord,
  parseAvcSps,
  rebuildAvcDecoderRecord,
  toAvcc,
} from './index.ts';

const record = parseAvcDecoderRecord(corpus.h264[0]);

fuzz(
  'damaged records, parameter sets and access units throw only MediaError',
  damaged(fc.constantFrom<Buffer>(...corpus.h264)),
  (bytes) => {
    assertOnlyMediaErrors(() => parseAvcDecoderRecord(bytes));
    assertOnlyMediaErrors(() => parseAvcSps(bytes));
    assertOnlyMediaErrors(() => parseAvcSps(Buffer.concat([Buffer.from([0x67]), bytes])));
    assertOnlyMediaErrors(() => toAvcc(annexBNals(bytes)));
    for (const nalLengthBytes of [1, 2, 4] as const) {
      assertOnlyMediaErrors(() =>
        rebuildAvcDecoderRecord(record, inspectAvcAccessUnit(bytes, nalLengthBytes)),
      );
    }
  },
);
