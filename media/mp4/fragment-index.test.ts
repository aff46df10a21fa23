import { expect, test } from 'vitest';
import { readFlvTags } from '../fixtures/flv.ts';
import { FragmentIndex } from './fragment-index.ts';
import { FlvUnitReader } from './flv-units.ts';
import { Mp4Recording } from './recording.ts';

/**
 * Goal: the index of a recording tells where its groups of pictures are, as far as the file has come.
 * Method: a real recording of the fixture, whose fragments are known from its writer; read whole, in growing
 * lengths, and cut at every byte of a fragment.
 */
const reader = new FlvUnitReader();
const units = readFlvTags().flatMap((tag) => reader.read(tag, tag.timestampMs).unit ?? []);
const recording = new Mp4Recording(reader.configs);
const fragments = [...units.map((unit) => recording.push(unit)), recording.end()].filter(
  (bytes) => bytes !== undefined,
);
const init = recording.initSegment;
const file = Buffer.concat([init, ...fragments]);

function readIndex(index: FragmentIndex, bytes: Buffer): FragmentIndex {
  for (let read = index.wanted; read; read = index.wanted) {
    index.push(bytes.subarray(read.offset, read.offset + read.bytes));
  }
  return index;
}

test('every fragment stands in it with its place, its time and whether it can be decoded alone', () => {
  const index = readIndex(new FragmentIndex(file.length), file);
  expect(index.initBytes).toBe(init.length);
  expect(index.entries.map(({ sizeBytes }) => sizeBytes)).toEqual(fragments.map(({ length }) => length));
  expect(index.entries.length).toBeGreaterThan(1);
  expect(index.entries.every(({ keyFrame }) => keyFrame)).toBe(true);
  expect(index.wholeBytes).toBe(file.length);
  const lastMs = Math.max(...units.map(({ dtsMs }) => dtsMs));
  const firstMs = Math.min(...units.map(({ dtsMs }) => dtsMs));
  expect(Math.abs(index.durationMs - (lastMs - firstMs))).toBeLessThan(100);
  for (const [at, entry] of index.entries.entries()) {
    const next = index.entries[at + 1];
    if (next) expect(Math.abs(entry.startMs + entry.durationMs - next.startMs)).toBeLessThan(50);
  }
});

test('a file that grows is read on, and one that is cut anywhere ends at its last whole fragment', () => {
  const whole = readIndex(new FragmentIndex(file.length), file).entries;
  const growing = new FragmentIndex(0);
  for (let bytes = 0; bytes <= file.length; bytes += 701) {
    growing.grow(bytes);
    readIndex(growing, file.subarray(0, bytes));
    expect(growing.wholeBytes).toBeLessThanOrEqual(bytes);
  }
  growing.grow(file.length);
  expect(readIndex(growing, file).entries).toEqual(whole);
  const [first, second] = whole;
  for (let bytes = second.offset; bytes < second.offset + 200; bytes++) {
    const index = readIndex(new FragmentIndex(bytes), file.subarray(0, bytes));
    expect(index.entries).toEqual([first]);
    expect(index.wholeBytes).toBe(second.offset);
  }
});

test('an empty file has no fragments', () => {
  const index = readIndex(new FragmentIndex(0), Buffer.alloc(0));
  expect([index.wholeBytes, index.durationMs, index.entries]).toEqual([0, 0, []]);
});
