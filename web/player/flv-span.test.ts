import { array, assert, integer, property, uint8Array } from 'fast-check';
import { expect, test } from 'vitest';
import { FlvSpan } from './flv-span.ts';

const header = [0x46, 0x4c, 0x56, 1, 5, 0, 0, 0, 9, 0, 0, 0, 0];
const tag = (type: number, timeMs: number, data: readonly number[]): number[] => [
  type,
  0,
  data.length >> 8,
  data.length & 0xff,
  (timeMs >> 16) & 0xff,
  (timeMs >> 8) & 0xff,
  timeMs & 0xff,
  (timeMs >>> 24) & 0xff,
  0,
  0,
  0,
  ...data,
  0,
  0,
  0,
  11 + data.length,
];
const script = tag(18, 0, [2, 0, 10, 1, 2, 3]);
const avcHeader = tag(9, 0, [0x17, 0, 0, 0, 0, 1]);
const aacHeader = tag(8, 0, [0xaf, 0, 0x12, 0x10]);
const video = (timeMs: number): number[] => tag(9, timeMs, [0x27, 1, 0, 0, 0, 9, 9, 9]);
const audio = (timeMs: number): number[] => tag(8, timeMs, [0xaf, 1, 7, 7]);

const spanOf = (bytes: readonly number[]): number => {
  const span = new FlvSpan();
  span.push(Uint8Array.from(bytes));
  return span.spanMs;
};

test('configurations and script data at time 0 do not count', () => {
  const joined = [...header, ...script, ...avcHeader, ...aacHeader, ...video(90_000), ...audio(90_010)];
  expect(spanOf(joined)).toBe(0);
  expect(spanOf([...joined, ...video(90_400), ...audio(90_350)])).toBe(350);
});

test('enhanced video headers are told apart too', () => {
  const start = tag(9, 0, [0x90, 0x68, 0x76, 0x63, 0x31]);
  const frame = (timeMs: number): number[] => tag(9, timeMs, [0xa3, 0x68, 0x76, 0x63, 0x31]);
  expect(spanOf([...header, ...start, ...frame(5_000), ...frame(5_200)])).toBe(200);
});

test('the extension byte carries times past 2^24 ms', () => {
  expect(spanOf([...header, ...video(0xfffff0), ...video(0x1000040)])).toBe(0x50);
});

test('an empty tag and a stream of one track are measured', () => {
  expect(spanOf([...header, ...tag(8, 0, []), ...audio(100), ...audio(300)])).toBe(200);
});

test('cutting the stream anywhere changes nothing', () => {
  const bytes = [
    ...header,
    ...script,
    ...avcHeader,
    ...video(1_000),
    ...audio(1_020),
    ...video(1_500),
    ...audio(1_440),
  ];
  assert(
    property(array(integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 200 }), (cuts) => {
      const span = new FlvSpan();
      let at = 0;
      for (let index = 0; at < bytes.length; index++) {
        const next = at + (cuts[index % cuts.length] ?? 1);
        span.push(Uint8Array.from(bytes.slice(at, next)));
        at = next;
      }
      expect(span.spanMs).toBe(440);
    }),
  );
});

test('noise never throws', () => {
  assert(property(uint8Array({ maxLength: 500 }), (noise) => new FlvSpan().push(noise)));
});
