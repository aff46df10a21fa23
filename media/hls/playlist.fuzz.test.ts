import * as fc from 'fast-check';
import { expect } from 'vitest';
import { damaged, fuzz } from '../fixtures/fuzz.ts';
import { fileName, parseFileName } from './file-names.ts';
import { renderMediaPlaylist } from './media-playlist.ts';
import { parseMediaPlaylist } from './parsed-playlist.ts';
import { parseReload, resolveReload } from './reload.ts';
import { Rendition, unitsOf } from './testing.ts';
import { validateMediaPlaylist } from './validator.ts';

function playlists() {
  return [0, 500].map((partMs) => {
    const rendition = new Rendition({ container: 'fmp4', partMs, segmentMs: 2000, windowMs: 20_000 }).begin();
    rendition.push(unitsOf({ fromMs: 0, toMs: 9000, frameMs: 40, framesPerKey: 25 }));
    return {
      state: rendition.state,
      bytes: Buffer.from(renderMediaPlaylist(rendition.state, { container: 'fmp4' })),
    };
  });
}

const [plain, withParts] = playlists();

fuzz(
  'a damaged playlist is read to its end, and whatever is wrong with it is said',
  damaged(fc.constantFrom<Buffer>(plain.bytes, withParts.bytes)),
  (bytes) => {
    const text = bytes.toString();
    const { segments } = parseMediaPlaylist(text);
    expect(segments.length).toBeLessThanOrEqual(text.length);
    validateMediaPlaylist(text);
  },
);

fuzz(
  'any directives get one of the answers, any name is a file of ours or none',
  fc.tuple(
    damaged(fc.constant(Buffer.from('_HLS_msn=3&_HLS_part=2&_HLS_skip=YES'))),
    damaged(
      fc.constantFrom<Buffer>(
        ...['init-0.mp4', 'part-17.m4s', 'segment-3.ts'].map((name) => Buffer.from(name)),
      ),
    ),
  ),
  ([directives, name]) => {
    const request = parseReload(new URLSearchParams(directives.toString()));
    if (request !== 'bad') {
      expect(['ready', 'wait', 'gone', 'bad']).toContain(resolveReload(request, withParts.state));
    }
    const file = parseFileName(name.toString(), 'fmp4');
    if (file) expect(fileName(file, 'fmp4')).toBe(name.toString());
  },
);
