import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeAudioSpecificConfig } from '../aac/index.ts';
import { readFlvTags } from '../fixtures/flv.ts';
import { assertOnlyMediaErrors, damaged, fuzzRuns, fuzzTimeoutMs } from '../fixtures/fuzz.ts';
import {
  boxesOf,
  codecString,
  FlvUnitReader,
  Mp4Error,
  Mp4Recording,
  packetSamplesOf,
  readBoxHeader,
  readFragment,
  readInitSegment,
} from './index.ts';

const tags = readFlvTags();
const reader = new FlvUnitReader();
const units = tags.map((tag) => reader.read(tag, tag.timestampMs).unit).filter((unit) => unit !== undefined);
const recording = new Mp4Recording(reader.configs);
const [fragment] = units.map((unit) => recording.push(unit)).filter((bytes) => bytes !== undefined);
const moof = fragment.subarray(0, readBoxHeader(fragment)?.sizeBytes);

/** Tag bodies of every codec: headers of the enhanced form with set-up, and a frame of each. */
const bodies: Buffer[] = [
  ...tags.slice(0, 6).map(({ payload }): Buffer => payload.subarray(0, 300)),
  ...['hvc1', 'av01', 'vp09'].flatMap((fourCc) =>
    ['90', '91', '93'].map((head) =>
      Buffer.concat([
        Buffer.from(head, 'hex'),
        Buffer.from(fourCc),
        Buffer.from('0100828300'.repeat(8), 'hex'),
      ]),
    ),
  ),
  ...['mp4a', 'Opus', 'fLaC', 'ac-3', 'ec-3'].flatMap((fourCc) =>
    ['90', '91'].map((head) =>
      Buffer.concat([
        Buffer.from(head, 'hex'),
        Buffer.from(fourCc),
        Buffer.from('0b77fff8c4'.repeat(8), 'hex'),
      ]),
    ),
  ),
  Buffer.concat([Buffer.from('900bOpusOpusHead'), Buffer.from('0102380180bb0000000000', 'hex')]),
  Buffer.concat([
    Buffer.from('af00', 'hex'),
    encodeAudioSpecificConfig({ samplingRateHz: 8000, channelConfiguration: 1 }),
  ]),
];

function assertOnlyOurErrors(parse: () => void): void {
  assertOnlyMediaErrors(() => {
    try {
      parse();
    } catch (error) {
      if (!(error instanceof Mp4Error)) throw error;
    }
  });
}

test(
  'damaged boxes throw only coded errors and stay within the bounds',
  () => {
    const init = recording.initSegment;
    const tracks = readInitSegment(init);
    fc.assert(
      fc.property(damaged(fc.constantFrom(init, moof)), (bytes) => {
        assertOnlyOurErrors(() => [...boxesOf(bytes)].length);
        assertOnlyOurErrors(() => readInitSegment(bytes).length);
        assertOnlyOurErrors(() => {
          const { runs } = readFragment(bytes, tracks);
          const samples = runs.reduce((sum, run) => sum + run.samples.length, 0);
          expect(samples).toBeLessThanOrEqual(16 * 65_536);
        });
      }),
      { numRuns: fuzzRuns },
    );
  },
  fuzzTimeoutMs,
);

test(
  'damaged tags of every codec throw only coded errors, and what is accepted can be written',
  () => {
    const body = damaged(fc.constantFrom(...bodies));
    fc.assert(
      fc.property(fc.array(body, { minLength: 1, maxLength: 4 }), (payloads) => {
        const units = new FlvUnitReader();
        for (const payload of payloads) {
          for (const type of ['video', 'audio'] as const) {
            assertOnlyOurErrors(() => {
              const { config, unit } = units.read({ type, payload }, 0);
              if (config) codecString(config);
              for (const each of units.configs)
                if (unit?.kind === each.kind) packetSamplesOf(each)(unit.payload);
            });
          }
        }
        assertOnlyOurErrors(() => {
          if (units.configs.length > 0) readInitSegment(new Mp4Recording(units.configs).initSegment);
        });
      }),
      { numRuns: fuzzRuns },
    );
  },
  fuzzTimeoutMs,
);
