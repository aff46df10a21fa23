import * as fc from 'fast-check';
import { expect } from 'vitest';
import { corpus } from '../fixtures/corpus.ts';
import { readFlvTags } from '../fixtures/flv.ts';
import { assertOnlyMediaErrors, cutUp, damaged, fuzz, pieceSizes } from '../fixtures/fuzz.ts';
import { FlvTagReader, decodeMetadata, isDisposableVideo, parseAudioTag, parseVideoTag } from './index.ts';
import type { FlvTag } from './index.ts';

const TAG_BYTES_MAX = 20_000;
const [fileStart] = corpus.flv;
const expected = readFlvTags(fileStart);

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

fuzz({ title: 'random chunking gives the same tags', share: 0.1 }, pieceSizes, (sizes) => {
  expect(expected.length).toBeGreaterThan(3);
  expect(readPieces(fileStart, sizes)).toEqual(expected);
});

fuzz(
  'damaged files throw only MediaError and stay within the bounds',
  fc.tuple(damaged(fc.constant<Buffer>(fileStart)), pieceSizes),
  ([bytes, sizes]) => assertOnlyMediaErrors(() => readPieces(bytes, sizes).forEach(inspect)),
);

fuzz('damaged tag bodies throw only MediaError', damaged(fc.constantFrom(...corpus.tagBodies)), (payload) => {
  for (const type of ['audio', 'video', 'data'] as const) {
    assertOnlyMediaErrors(() => inspect({ type, timestampMs: 0, payload }));
  }
});
