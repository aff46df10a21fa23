import * as fc from 'fast-check';
import { damaged, fuzz, fuzzSeed } from '../../media/fixtures/fuzz.ts';
import { parseClientMessage } from './client-messages.ts';
import { decodeBatch, encodeBatch } from './codec.ts';
import { batch, encodeSections } from './fixtures/arbitraries.ts';
import { decodePage, encodePage, parsePage } from './page.ts';
import { readServerMessage } from './server-messages.ts';
import type { Batch } from './signal.ts';

/** A hundred batches, damaged again and again: making new ones takes longer than reading them. */
const batches = fc.sample(batch, { numRuns: 100, seed: fuzzSeed });
const each = (encode: (given: Batch) => Uint8Array | string): fc.Arbitrary<Buffer> =>
  damaged(fc.constantFrom(...batches.map((given) => Buffer.from(encode(given)))));

const head = { epoch: 3, after: 4, offset: 9, isComplete: true, stateVersion: 5, durable: 2, state: [] };
const damagedBatch = each((given) => encodeBatch(encodeSections(given)));
const damagedPage = each((given) => {
  const bytes = encodeBatch(encodeSections(given));
  return encodePage({ ...head, batches: [bytes, bytes] });
});
const damagedBatchJson = each((given) => JSON.stringify({ type: 'batch', batch: given }));
const damagedPageJson = each((given) => JSON.stringify({ ...head, batches: [given] }));
const damagedSend = each(({ signals, epoch }) =>
  JSON.stringify({ type: 'send', id: 'a', signal: signals[0], after: { epoch, offset: 2, durable: 1 } }),
);

/** Every item of an answer took one byte at least, so that the answer cannot be many times its input. */
const answerBytesMax = (inputBytes: number): number => 2000 + inputBytes * 200;

function assertBounded(bytes: Buffer, decode: (bytes: Buffer) => unknown): void {
  let answer: unknown;
  try {
    answer = decode(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return;
  }
  const size = JSON.stringify(answer)?.length ?? 0;
  if (size > answerBytesMax(bytes.length)) throw new Error(`${bytes.length} bytes became ${size}`);
}

fuzz('a damaged batch is a RangeError or a batch', damagedBatch, (bytes) =>
  assertBounded(bytes, decodeBatch),
);

fuzz({ title: 'a damaged page is a RangeError or a page', share: 0.3 }, damagedPage, (bytes) =>
  assertBounded(bytes, decodePage),
);

fuzz(
  { title: 'a damaged message in JSON is a RangeError or a message', share: 0.3 },
  damagedBatchJson,
  (bytes) => assertBounded(bytes, (text) => readServerMessage(text.toString())),
);

fuzz({ title: 'a damaged page in JSON is a RangeError or a page', share: 0.3 }, damagedPageJson, (bytes) =>
  assertBounded(bytes, (text) => parsePage(text.toString())),
);

fuzz({ title: 'what a client sends never throws', share: 0.3 }, damagedSend, (bytes) => {
  parseClientMessage(bytes.toString());
});
