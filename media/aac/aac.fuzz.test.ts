import * as fc from 'fast-check';
import { test } from 'vitest';
import { assertOnlyMediaErrors, damaged, fuzzRuns, fuzzTimeoutMs } from '../fixtures/fuzz.ts';
import { parseAdtsHeader, parseAudioSpecificConfig } from './index.ts';

const inputs = ['1210', '2b118800', '131056e598', '130856e59d4880', '178049d410', 'fff15080001ffc'];

test(
  'damaged configs and headers throw only MediaError',
  () => {
    const input = damaged(fc.constantFrom(...inputs).map((text): Buffer => Buffer.from(text, 'hex')));
    fc.assert(
      fc.property(input, (bytes) => {
        assertOnlyMediaErrors(() => parseAudioSpecificConfig(bytes));
        assertOnlyMediaErrors(() => parseAdtsHeader(bytes));
      }),
      { numRuns: fuzzRuns },
    );
  },
  fuzzTimeoutMs,
);
