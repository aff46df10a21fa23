import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteReader, ByteWriter } from './bytes.ts';
import { decodeBatch, decodeSignals, encodeBatch, encodeSignals, openBatch } from './codec.ts';
import { batch, encodeSections, signalArbitrary, signalTypes } from './fixtures/arbitraries.ts';
import type { Batch, CommentSignal, Signal } from './signal.ts';

const base = { from: 1_000_000, atMs: 1_790_000_000_000 };

const sectionOf = (signals: readonly Signal[], payload = encodeSignals(signals, base)) => ({
  class: 'member' as const,
  items: signals.length,
  payload,
});

const comment = (index: number, text: string): CommentSignal => ({
  type: 'comment',
  class: 'member',
  offset: base.from + index,
  atMs: base.atMs - 40 + index,
  signalId: `m${(base.from + index).toString(36)}`,
  mediaMs: 3_600_000 + index * 37,
  author: { userId: 268_435_456 + index * 7919, name: `viewer${index}`, role: 'viewer' },
  text,
  count: 1,
});

describe('numbers', () => {
  test.each([0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32, 2 ** 49, Number.MAX_SAFE_INTEGER])(
    '%d comes back',
    (value) => {
      const out = new ByteWriter();
      out.number(value);
      expect(new ByteReader(out.take()).number()).toBe(value);
    },
  );

  test.each([-1, 0.5, Number.NaN, Infinity, 2 ** 53])('%d is refused', (value) => {
    expect(() => new ByteWriter().number(value)).toThrow(RangeError);
  });

  test.each([
    ['that ends early', '80'],
    ['above 2^53 - 1', 'ffffffffffffff7f'],
    ['of nine bytes', '808080808080808000'],
  ])('one %s is refused', (_, hex) => {
    expect(() => new ByteReader(Buffer.from(hex, 'hex')).number()).toThrow(RangeError);
  });

  test('below zero and above come back', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 52), max: 2 ** 52 - 1 }), (value) => {
        const out = new ByteWriter();
        out.signed(value);
        expect(new ByteReader(out.take()).signed()).toBe(value);
      }),
    );
  });
});

describe('sections', () => {
  test.each(signalTypes)('a %s comes back as it was', (type) => {
    const signals = fc.array(signalArbitrary(base, [type]), { maxLength: 5 });
    fc.assert(
      fc.property(signals, (given) => {
        const expected = given.map((signal) => ({ ...signal, class: 'member' }));
        expect(decodeSignals(sectionOf(given), base)).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  test('an author of many is written once', () => {
    const [first, ...rest] = Array.from({ length: 11 }, (_, index) => ({
      ...comment(index, 'hi'),
      author: comment(0, '').author,
    }));
    const one = encodeSignals([first], base).length;
    const all = encodeSignals([first, ...rest], base).length;
    expect(all - one).toBeLessThan(10 * (one - 8));
    expect(decodeSignals(sectionOf([first, ...rest]), base)).toEqual([first, ...rest]);
  });

  test('types and fields of later versions are passed over', () => {
    const known = comment(3, 'still here');
    const out = new ByteWriter();
    out.number(0);
    out.number(1);
    out.block(Buffer.from('000006766965776572ffff', 'hex'));
    out.block(Buffer.from('c60101020304', 'hex'));
    out.block(Buffer.from('0103000000010268690908', 'hex'));
    const [signal, ...others] = decodeSignals({ ...sectionOf([]), items: 2, payload: out.take() }, base);
    expect(others).toEqual([]);
    expect(signal).toEqual({
      type: 'comment',
      class: 'member',
      offset: known.offset,
      atMs: base.atMs,
      signalId: '',
      author: { userId: 0, role: 'operator', name: 'viewer' },
      count: 1,
      text: 'hi',
    });
  });

  test('a signal before its batch and a count that is not so are refused', () => {
    expect(() => encodeSignals([comment(-1, 'early')], base)).toThrow(RangeError);
    const section = sectionOf([comment(0, 'one')]);
    expect(() => decodeSignals({ ...section, items: 2 }, base)).toThrow(RangeError);
    expect(() => encodeSignals([{ ...comment(0, ''), mediaMs: 0.5 }], base)).toThrow(RangeError);
    expect(encodeSignals([comment(0, 'one')], base)).toEqual(section.payload);
  });
});

describe('batches', () => {
  test('come back as they were, from bytes and opened', () => {
    fc.assert(
      fc.property(batch, (given) => {
        const encoded = encodeSections(given);
        expect(decodeBatch(encodeBatch(encoded))).toEqual(given);
        expect(openBatch(encoded)).toEqual(given);
      }),
      { numRuns: 500 },
    );
  });

  test('share the sections of their classes byte for byte', () => {
    const encoded = encodeSections(emptyBatch([comment(0, 'shared'), comment(1, 'too')]));
    const payload = Buffer.from(encoded.sections[0].payload);
    const full = Buffer.from(encodeBatch(encoded));
    const reduced = Buffer.from(encodeBatch({ ...encoded, tier: 'reduced' }));
    expect(full.includes(payload)).toBe(true);
    expect(reduced.includes(payload)).toBe(true);
  });

  test('of another version, and with a signal behind their end, are refused', () => {
    const encoded = encodeSections(emptyBatch([comment(5, 'hi')]));
    const bytes = encodeBatch(encoded);
    expect(() => decodeBatch(Buffer.concat([Buffer.of(2), bytes.subarray(1)]))).toThrow(RangeError);
    expect(() => decodeBatch(encodeBatch({ ...encoded, to: encoded.from }))).toThrow(RangeError);
  });

  test('longer than the first buffer come back', () => {
    const long = emptyBatch(Array.from({ length: 100 }, (_, index) => comment(index, '长'.repeat(200))));
    expect(decodeBatch(encodeBatch(encodeSections(long)))).toEqual(long);
  });
});

test('50 comments of 100 bytes take less than half of their JSON', () => {
  const signals = Array.from({ length: 50 }, (_, index) => comment(index, 'x'.repeat(100)));
  const bytes = encodeBatch(encodeSections(emptyBatch(signals))).length;
  const jsonBytes = Buffer.byteLength(JSON.stringify({ type: 'batch', batch: emptyBatch(signals) }));
  console.log(
    `50 comments of 100 bytes: ${bytes} bytes (${(bytes / 50).toFixed(1)} each), JSON ${jsonBytes} ` +
      `(${(jsonBytes / 50).toFixed(1)} each): ${(jsonBytes / bytes).toFixed(2)} times as many`,
  );
  expect(bytes).toBeLessThan(jsonBytes / 2);
});

function emptyBatch(signals: readonly Signal[]): Batch {
  return {
    epoch: 7,
    from: base.from,
    to: base.from + signals.reduce((max, { offset }) => Math.max(max, offset - base.from), -1),
    atMs: base.atMs,
    stateVersion: 7_516_192_768_001,
    durable: 12,
    tier: 'full',
    counts: [{ class: 'member', offered: signals.length, merged: 0, shed: 0 }],
    signals,
    state: [],
  };
}
