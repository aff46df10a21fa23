import * as fc from 'fast-check';
import { corpus } from '../fixtures/corpus.ts';
import { assertOnlyMediaErrors, damaged, fuzz } from '../fixtures/fuzz.ts';
import { parseAdtsHeader, parseAudioSpecificConfig } from './index.ts';

fuzz(
  'damaged configs and headers throw only MediaError',
  damaged(fc.constantFrom(...corpus.aac)),
  (bytes) => {
    assertOnlyMediaErrors(() => parseAudioSpecificConfig(bytes));
    assertOnlyMediaErrors(() => parseAdtsHeader(bytes));
  },
);
