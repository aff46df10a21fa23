import * as fc from 'fast-check';
import { expect } from 'vitest';
import { corpus } from '../fixtures/corpus.ts';
import { assertOnlyMediaErrors, damaged, fuzz } from '../fixtures/fuzz.ts';
import {
  boxesOf,
  codecString,
  FlvUnitReader,
  FragmentIndex,
  Mp4Error,
  Mp4Recording,
  packetSamplesOf,
  readBoxHeader,
  readFragment,
  readInitSegment,
} from './index.ts';

const [init, fragment] = corpus.mp4;
const moof: Buffer = fragment.subarray(0, readBoxHeader(fragment)?.sizeBytes);
const tracks = readInitSegment(init);

function assertOnlyOurErrors(parse: () => void): void {
  assertOnlyMediaErrors(() => {
    try {
      parse();
    } catch (error) {
      if (!(error instanceof Mp4Error)) throw error;
    }
  });
}

fuzz(
  'damaged boxes throw only coded errors and stay within the bounds',
  damaged(fc.constantFrom<Buffer>(init, moof)),
  (bytes) => {
    assertOnlyOurErrors(() => [...boxesOf(bytes)].length);
    assertOnlyOurErrors(() => readInitSegment(bytes).length);
    assertOnlyOurErrors(() => {
      const { runs } = readFragment(bytes, tracks);
      const samples = runs.reduce((sum, run) => sum + run.samples.length, 0);
      expect(samples).toBeLessThanOrEqual(16 * 65_536);
    });
  },
);

fuzz(
  'damaged tags of every codec throw only coded errors, and what is accepted can be written',
  fc.array(damaged(fc.constantFrom(...corpus.tagBodies)), { minLength: 1, maxLength: 4 }),
  (payloads) => {
    const units = new FlvUnitReader();
    for (const payload of payloads) {
      for (const type of ['video', 'audio'] as const) {
        assertOnlyOurErrors(() => {
          const { config, unit } = units.read({ type, payload }, 0);
          if (config) codecString(config);
          for (const each of units.configs) if (unit?.kind === each.kind) packetSamplesOf(each)(unit.payload);
        });
      }
    }
    assertOnlyOurErrors(() => {
      if (units.configs.length > 0) readInitSegment(new Mp4Recording(units.configs).initSegment);
    });
  },
);

fuzz(
  'the index of a damaged recording ends, stays within the file and says what is whole',
  damaged(fc.constant(Buffer.concat([init, fragment, fragment]))),
  (bytes) => {
    const index = new FragmentIndex(bytes.length);
    assertOnlyOurErrors(() => {
      let reads = 0;
      for (let read = index.wanted; read; read = index.wanted) {
        expect(++reads).toBeLessThanOrEqual(bytes.length);
        expect(read.offset + read.bytes).toBeLessThanOrEqual(bytes.length);
        index.push(bytes.subarray(read.offset, read.offset + read.bytes));
      }
    });
    expect(index.wholeBytes).toBeLessThanOrEqual(bytes.length);
  },
);
