import * as fc from 'fast-check';
import { test } from 'vitest';
import { amfValue } from '../fixtures/amf.ts';
import { assertOnlyMediaErrors, damaged, fuzzRuns, fuzzTimeoutMs } from '../fixtures/fuzz.ts';
import { decodeAmf0, encodeAmf0 } from './index.ts';

test(
  'noise and damaged messages throw nothing but MediaError',
  () => {
    const messages = fc
      .array(amfValue, { minLength: 1, maxLength: 3 })
      .map((values): Buffer => encodeAmf0(...values));
    fc.assert(
      fc.property(damaged(messages), (bytes) => assertOnlyMediaErrors(() => decodeAmf0(bytes))),
      { numRuns: fuzzRuns },
    );
  },
  fuzzTimeoutMs,
);
