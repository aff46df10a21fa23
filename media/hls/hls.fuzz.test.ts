import * as fc from 'fast-check';
import { expect } from 'vitest';
import { fuzz } from '../fixtures/fuzz.ts';
import { resolveFile } from './index.ts';
import { audioTrack, Rendition, tracks, unitsOf, videoTrack } from './testing.ts';

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('play' as const),
      ms: fc.integer({ min: 1, max: 6000 }),
      frameMs: fc.constantFrom(20, 40, 125, 500),
      framesPerKey: fc.integer({ min: 1, max: 150 }),
      audio: fc.boolean(),
      video: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('epoch' as const),
      tracks: fc.constantFrom(tracks, [videoTrack], [audioTrack]),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('gap' as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('damage' as const), payload: fc.uint8Array({ maxLength: 20 }) }),
  },
);
const anyOptions = fc.record({
  container: fc.constantFrom('fmp4' as const, 'mpegts' as const),
  partMs: fc.constantFrom(0, 300, 500, 1000),
  segmentMs: fc.constantFrom(1000, 2000, 6000),
  windowMs: fc.constantFrom(4000, 20_000),
});
/** A stream may break these by what it is; the muxer counts them. */
const COUNTED = /target duration changes|part target changes|lasts|below 85 %|only .* s are left/;

fuzz(
  { title: 'numbers rise, bytes are all there, playlists are valid but for what is counted', share: 0.02 },
  fc.tuple(anyOptions, fc.array(step, { minLength: 1, maxLength: 12 })),
  ([options, steps]) => {
    const rendition = new Rendition(options).begin();
    let atMs = 0;
    for (const each of steps) {
      if (each.op === 'epoch') rendition.begin(each.tracks);
      else if (each.op === 'damage') {
        const payload = Buffer.from(each.payload);
        rendition.push([{ kind: 'video', dtsMs: atMs, compositionMs: 0, keyFrame: false, payload }]);
      } else {
        if (each.op === 'play') rendition.push(unitsOf({ ...each, fromMs: atMs, toMs: atMs + each.ms }));
        atMs += each.ms;
      }
    }
    rendition.end();
    const { state, memory, muxer, issues } = rendition;
    for (const segment of state.segments) {
      const file = { kind: 'segment', number: segment.sequence } as const;
      const chunks = memory.read(resolveFile(file, state)) ?? [];
      expect(chunks.map(({ length }) => length)).toEqual(segment.parts.map(({ sizeBytes }) => sizeBytes));
      const sumMs = segment.parts.reduce((sum, { durationMs }) => sum + durationMs, 0);
      expect(Math.abs(sumMs - segment.durationMs)).toBeLessThan(0.001);
    }
    expect(muxer.heldBytes).toBe(0);
    expect(issues.filter((issue) => !COUNTED.test(issue))).toEqual([]);
    const grown = issues.filter((issue) => issue.includes('target') && !issue.includes('85 %'));
    if (grown.length > 0) expect(muxer.counts.targetGrowths).toBeGreaterThan(0);
  },
);
