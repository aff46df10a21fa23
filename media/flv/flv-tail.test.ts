import { expect, test } from 'vitest';
import { FlvTail } from './flv-tail.ts';
import { encodeFlvHeader, flvHeaderBytes } from './header.ts';
import { encodeTag } from './tag.ts';

const tags = [0, 40, 2 ** 24 + 80].map((timestampMs, index) =>
  encodeTag({ type: 'video', timestampMs, payload: Buffer.alloc(100 * index) }),
);
const file = Buffer.concat([encodeFlvHeader({ hasAudio: false, hasVideo: true }), ...tags]);

function tailOf(bytes: Buffer, chunkBytes: number): FlvTail {
  const tail = new FlvTail(bytes.length);
  while (tail.push(bytes.subarray(tail.offset, tail.offset + chunkBytes)));
  return tail;
}

test.each([11, 20, 64, 4096])(
  'the last whole tag is found wherever the file is cut, reading %i bytes at a time',
  (chunkBytes) => {
    const ends = tags.reduce((all, tag) => [...all, all.at(-1)! + tag.length], [flvHeaderBytes]);
    for (let bytes = flvHeaderBytes; bytes <= file.length; bytes++) {
      const tail = tailOf(file.subarray(0, bytes), chunkBytes);
      expect(tail.wholeBytes).toBe(ends.findLast((end) => end <= bytes));
    }
    expect(tailOf(file, chunkBytes).lastMs).toBe(2 ** 24 + 80);
  },
);

test('without a whole header nothing is whole', () => {
  expect(tailOf(file.subarray(0, 12), 64).wholeBytes).toBe(0);
});
