import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeBatch, encodeBatch } from './codec.ts';
import { encodeSections } from './fixtures/arbitraries.ts';
import { decodePage, encodePage, parsePage, type SignalPage } from './page.ts';
import type { Batch } from './signal.ts';

/**
 * Goal: the bytes that docs/signals.md describes never change under those who have written clients from it.
 * Method: batches and pages with their bytes, kept as a file that other languages can read; the worked example of the
 * page is read back from it.
 */
interface Vectors {
  readonly batches: readonly { readonly name: string; readonly hex: string; readonly batch: Batch }[];
  readonly later: Vectors['batches'];
  readonly pages: readonly { readonly name: string; readonly hex: string; readonly page: SignalPage }[];
  readonly refused: Readonly<Record<string, string>>;
}

const read = (path: string): string => readFileSync(join(import.meta.dirname, path), 'utf8');
const vectors = JSON.parse(read('vectors.json')) as Vectors;
const bytesOf = (hex: string): Buffer => Buffer.from(hex, 'hex');
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('vectors', () => {
  test.each(vectors.batches)('$name: written and read', ({ hex, batch }) => {
    expect(hexOf(encodeBatch(encodeSections(batch)))).toBe(hex);
    const decoded = decodeBatch(bytesOf(hex));
    expect({ ...decoded, signals: new Set(decoded.signals) }).toEqual({
      ...batch,
      signals: new Set(batch.signals),
    });
  });

  test.each(vectors.later)('$name', ({ hex, batch }) => {
    expect(decodeBatch(bytesOf(hex))).toEqual(batch);
  });

  test.each(vectors.pages)('a page of $name', ({ hex, page }) => {
    const batches = page.batches.map((batch) => encodeBatch(encodeSections(batch)));
    expect(hexOf(encodePage({ ...page, batches }))).toBe(hex);
    expect(decodePage(bytesOf(hex))).toEqual(page);
    expect(parsePage(JSON.stringify(page))).toEqual(page);
  });

  test.each(Object.entries(vectors.refused))('%s: refused', (_, hex) => {
    expect(() => decodeBatch(bytesOf(hex))).toThrow(RangeError);
  });
});

test('the worked example of docs/signals.md is the first vector', () => {
  const page = read('../../docs/signals.md');
  const [, example = ''] = /### A worked example[^]*?```\n([^]*?)```/.exec(page) ?? [];
  const hex = [...example.matchAll(/^ *((?:[0-9a-f]{2})+(?: (?:[0-9a-f]{2})+)*) {2,}/gm)]
    .map(([, bytes]) => bytes)
    .join('')
    .replaceAll(' ', '');
  expect(hex).toBe(vectors.batches[0].hex);
});
