import * as fc from 'fast-check';
import { amfValue } from '../fixtures/amf.ts';
import { corpus } from '../fixtures/corpus.ts';
import { assertOnlyMediaErrors, damaged, fuzz } from '../fixtures/fuzz.ts';
import { decodeAmf0, encodeAmf0 } from './index.ts';

const messages = fc
  .array(amfValue, { minLength: 1, maxLength: 3 })
  .map((values): Buffer => encodeAmf0(...values));

fuzz(
  'noise and damaged messages throw nothing but MediaError',
  damaged(fc.oneof(messages, fc.constantFrom<Buffer>(...corpus.amf))),
  (bytes) => assertOnlyMediaErrors(() => decodeAmf0(bytes)),
);
