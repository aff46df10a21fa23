import { expect, test } from 'vitest';
import { renderVodPlaylist } from './vod-playlist.ts';

const segments = [
  { offset: 700, sizeBytes: 5000, durationMs: 4000 },
  { offset: 5700, sizeBytes: 100, durationMs: 4600.5 },
];
const parts = [
  { uri: '7/1.mp4', initBytes: 700, wallMs: Date.UTC(2026, 0, 1), segments },
  { uri: '7/2.mp4', initBytes: 650, wallMs: Date.UTC(2026, 0, 2), segments: segments.slice(0, 1) },
];

test('a playlist names the ranges of its files, and where another begins', () => {
  expect(renderVodPlaylist(parts, { isOpen: false, query: 'sig=a' }).split('\n')).toEqual([
    '#EXTM3U',
    '#EXT-X-VERSION:7',
    '#EXT-X-PLAYLIST-TYPE:VOD',
    '#EXT-X-TARGETDURATION:5',
    '#EXT-X-INDEPENDENT-SEGMENTS',
    '#EXT-X-MAP:URI="7/1.mp4?sig=a",BYTERANGE="700@0"',
    '#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z',
    '#EXTINF:4.000,',
    '#EXT-X-BYTERANGE:5000@700',
    '7/1.mp4?sig=a',
    '#EXTINF:4.601,',
    '#EXT-X-BYTERANGE:100@5700',
    '7/1.mp4?sig=a',
    '#EXT-X-DISCONTINUITY',
    '#EXT-X-MAP:URI="7/2.mp4?sig=a",BYTERANGE="650@0"',
    '#EXT-X-PROGRAM-DATE-TIME:2026-01-02T00:00:00.000Z',
    '#EXTINF:4.000,',
    '#EXT-X-BYTERANGE:5000@700',
    '7/2.mp4?sig=a',
    '#EXT-X-ENDLIST',
    '',
  ]);
});

test('one that goes on has no end', () => {
  const text = renderVodPlaylist(parts, { isOpen: true });
  expect(text).toContain('#EXT-X-PLAYLIST-TYPE:EVENT');
  expect(text).not.toContain('#EXT-X-ENDLIST');
});
