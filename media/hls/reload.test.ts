import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  isPlayable,
  parseFileName,
  parseReload,
  reloadTimeLimitMs,
  renderMediaPlaylist,
  resolveFile,
  resolveReload,
  type HlsState,
} from './index.ts';
import { parseMediaPlaylist } from './parsed-playlist.ts';
import { Rendition, unitsOf } from './testing.ts';

const source = unitsOf({ fromMs: 0, toMs: 9900, frameMs: 40, framesPerKey: 50 });
const states: HlsState[] = [];
const rendition = new Rendition({ windowMs: 6000 }).begin();
for (const unit of source) {
  rendition.push([unit]);
  if (states.at(-1) !== rendition.state) states.push(rendition.state);
}

test('an answer is ready exactly when the playlist holds what was asked for', () => {
  const anyState = fc.constantFrom(...states.filter(isPlayable));
  const sequence = fc.nat({ max: 9 });
  const part = fc.option(fc.nat({ max: 9 }), { nil: undefined });
  fc.assert(
    fc.property(anyState, sequence, part, (state, sequence, part) => {
      const request = part === undefined ? { sequence } : { sequence, part };
      const { segments, mediaSequence } = parseMediaPlaylist(
        renderMediaPlaylist(state, { container: 'fmp4' }),
      );
      const answer = resolveReload(request, state);
      expect(answer === 'gone').toBe(sequence < mediaSequence);
      if (sequence < mediaSequence) return;
      const wanted = segments.find((segment) => segment.sequence === sequence);
      const isWhole = wanted?.uri !== undefined;
      const known = state.segments.find((segment) => segment.sequence === sequence)?.parts.length ?? 0;
      // A part beyond a whole segment is the first of the next.
      const isBeyond = isWhole && part !== undefined && part >= known;
      const next = segments.find((segment) => segment.sequence === sequence + 1);
      const hasPart = part !== undefined && wanted !== undefined && part < wanted.parts.length;
      const isThere = isBeyond ? next !== undefined : isWhole || hasPart;
      expect(answer === 'ready').toBe(isThere);
    }),
    { numRuns: 2000 },
  );
});

test('what is waited for comes; what lies too far ahead is refused', () => {
  const [state] = states.filter(({ segments, open }) => segments.length === 3 && open?.parts.length === 2);
  expect(resolveReload({}, state)).toBe('ready');
  expect(resolveReload({ sequence: 3 }, state)).toBe('wait');
  expect(resolveReload({ sequence: 5 }, state)).toBe('wait');
  expect(resolveReload({ sequence: 6 }, state)).toBe('bad');
  expect(resolveReload({ sequence: 3, part: 2 }, state)).toBe('wait');
  expect(resolveReload({ sequence: 3, part: 7 }, state)).toBe('wait');
  expect(resolveReload({ sequence: 3, part: 8 }, state)).toBe('bad');
  expect(resolveReload({ part: 1 }, state)).toBe('bad');
  expect(resolveReload({ sequence: 9 }, { ...state, ended: true })).toBe('ready');
  expect(resolveReload({ sequence: 3, part: 0 }, { ...state, partTargetMs: 0 })).toBe('wait');
  expect(reloadTimeLimitMs(state)).toBe(6000);
});

test('directives that are none are refused', () => {
  const parse = (query: string) => parseReload(new URLSearchParams(query));
  expect(parse('_HLS_msn=4&_HLS_part=2&_HLS_skip=YES')).toEqual({ sequence: 4, part: 2, skip: true });
  expect(parse('token=1')).toEqual({ skip: false });
  for (const query of ['_HLS_part=1', '_HLS_msn=-1', '_HLS_msn=1.5', '_HLS_msn=', '_HLS_msn=1&_HLS_part=x']) {
    expect(parse(query)).toBe('bad');
  }
});

test('only names of files mean files', () => {
  expect(parseFileName('segment-12.m4s', 'fmp4')).toEqual({ kind: 'segment', number: 12 });
  for (const name of ['segment-012.m4s', 'segment-1.ts', 'part--1.m4s', '../init-0.mp4', 'init-0.m4s']) {
    expect(parseFileName(name, 'fmp4')).toBeUndefined();
  }
  const [state] = states.filter(isPlayable);
  expect(resolveFile({ kind: 'part', number: state.nextPart }, state)).toEqual({ kind: 'wait' });
  expect(resolveFile({ kind: 'part', number: state.nextPart + 1 }, state)).toEqual({ kind: 'gone' });
});
