import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { flvFile, readFlvTags } from '../fixtures/flv.ts';
import {
  assertOnlyMediaErrors,
  cutUp,
  damaged,
  fuzzRuns,
  fuzzTimeoutMs,
  pieceSizes,
} from '../fixtures/fuzz.ts';
import { FlvTagReader, decodeMetadata, isDisposableVideo, parseAudioTag, parseVideoTag } from './index.ts';
import type { FlvTag } from './index.ts';

const TAG_BYTES_MAX = 20_000;
const fileStart = flvFile.subarray(0, 4000);

function readPieces(bytes: Buffer, sizes: number[]): FlvTag[] {
  const reader = new FlvTagReader(TAG_BYTES_MAX);
  const tags: FlvTag[] = [];
  for (const piece of cutUp(bytes, sizes)) {
    reader.append(piece);
    for (let tag = reader.next(); tag !== undefined; tag = reader.next()) tags.push(tag);
    expect(reader.heldBytes).toBeLessThanOrEqual(2 * TAG_BYTES_MAX);
  }
  return tags;
}

function inspect(tag: FlvTag): void {
  if (tag.type === 'data') decodeMetadata(tag.payload);
  else if (tag.type === 'audio') parseAudioTag(tag.payload);
  else isDisposableVideo(tag.payload, parseVideoTag(tag.payload));
}

test(
  'random chunking gives the same tags',
  () => {
    const expected = readFlvTags(fileStart);
    expect(expected.length).toBeGreaterThan(3);
    fc.assert(
      fc.property(pieceSizes, (sizes) => {
        expect(readPieces(fileStart, sizes)).toEqual(expected);
      }),
      { numRuns: fuzzRuns / 10 },
    );
  },
  fuzzTimeoutMs,
);

test(
  'damaged files throw only MediaError and stay within the bounds',
  () => {
    fc.assert(
      fc.property(damaged(fc.constant(fileStart)), pieceSizes, (bytes, sizes) => {
        assertOnlyMediaErrors(() => readPieces(bytes, sizes).forEach(inspect));
      }),
      { numRuns: fuzzRuns },
    );
  },
  fuzzTimeoutMs,
);

test(
  'damaged tag bodies throw only MediaError',
  () => {
    const bodies = readFlvTags()
      .slice(0, 8)
      .map((tag) => tag.payload.subarray(0, 200));
    fc.assert(
      fc.property(damaged(fc.constantFrom(...bodies)), (payload) => {
        for (const type of ['audio', 'video', 'data'] as const) {
          assertOnlyMediaErrors(() => inspect({ type, timestampMs: 0, payload }));
        }
      }),
      { numRuns: fuzzRuns },
    );
  },
  fuzzTimeoutMs,
);
