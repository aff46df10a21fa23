import { expect, test } from 'vitest';
import { PlaylistValidator, validateMediaPlaylist } from './validator.ts';

/** A playlist in which all is well: two segments, and two parts of a third. */
const VALID = `#EXTM3U
#EXT-X-VERSION:9
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-TARGETDURATION:1
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5,HOLD-BACK=3,CAN-SKIP-UNTIL=6
#EXT-X-PART-INF:PART-TARGET=0.5
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-DISCONTINUITY-SEQUENCE:2
#EXT-X-MAP:URI="init-1.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z
#EXT-X-PART:DURATION=0.5,URI="part-0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.48,URI="part-1.m4s"
#EXTINF:0.98,
segment-7.m4s
#EXT-X-DISCONTINUITY
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:01.000Z
#EXT-X-PART:DURATION=0.5,URI="part-2.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.5,URI="part-3.m4s"
#EXTINF:1,
segment-8.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:02.000Z
#EXT-X-PART:DURATION=0.5,URI="part-4.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.5,URI="part-5.m4s"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="part-6.m4s"
#EXT-X-RENDITION-REPORT:URI="../low/index.m3u8",LAST-MSN=9,LAST-PART=1
`;

test('a playlist in which all is well has no issue', () => {
  expect(validateMediaPlaylist(VALID)).toEqual([]);
});

/** What is replaced, by what, and the issue that tells. */
const faults: readonly (readonly [string, string, string])[] = [
  ['#EXTM3U\n', '', 'the first line is not #EXTM3U'],
  ['LAST-PART=1\n', 'LAST-PART=1', 'the last line is not ended'],
  ['#EXT-X-VERSION:9', '#EXT-X-VERSION:5', 'EXT-X-MAP needs version 6'],
  ['#EXT-X-VERSION:9', '#EXT-X-VERSION:9\n#EXT-X-VERSION:9', 'EXT-X-VERSION twice'],
  ['#EXT-X-VERSION:9', '#EXT-X-VERSIONS:9', 'unknown tag EXT-X-VERSIONS'],
  ['#EXT-X-TARGETDURATION:1\n', '', 'no target duration'],
  ['#EXT-X-TARGETDURATION:1', '#EXT-X-TARGETDURATION:1.0', 'EXT-X-TARGETDURATION is not an integer'],
  [',HOLD-BACK=3', ',HOLD-BACK=2.9', 'HOLD-BACK below three target durations'],
  ['PART-HOLD-BACK=1.5', 'PART-HOLD-BACK=1.4', 'PART-HOLD-BACK below three parts'],
  ['CAN-BLOCK-RELOAD=YES,', '', 'parts without blocking reload'],
  ['CAN-SKIP-UNTIL=6', 'CAN-SKIP-UNTIL=5', 'CAN-SKIP-UNTIL below six target durations'],
  ['CAN-SKIP-UNTIL=6', 'CAN-SKIP-UNTIL="6', 'malformed attributes'],
  ['#EXT-X-PART-INF:PART-TARGET=0.5\n', '', 'parts without PART-TARGET'],
  ['#EXT-X-MAP', '#EXT-X-SKIP:SKIPPED-SEGMENTS=0\n#EXT-X-MAP', 'EXT-X-SKIP that skips nothing'],
  ['#EXTINF:1,', '#EXTINF:1.6,', 'segment 8 lasts 1.6 s'],
  ['#EXTINF:1,', '#EXTINF:0.9,', 'parts of segment 8 last 1 s, itself 0.9 s'],
  ['#EXTINF:1,', '#EXTINF:1', 'EXTINF without a comma'],
  ['#EXTINF:1,\n', '', 'address without EXTINF: segment-8.m4s'],
  ['#EXTINF:1,', '#EXTINF:x,', 'EXTINF with "x" for a number'],
  ['segment-8.m4s\n', '', 'EXTINF without an address'],
  ['segment-8.m4s', 'segment-7.m4s', 'an address twice'],
  ['DURATION=0.48', 'DURATION=0.51', 'part 7.1 lasts 0.51 s'],
  ['DURATION=0.5,URI="part-4.m4s",INDEPENDENT=YES', 'DURATION=0.4,URI="part-4.m4s"', 'below 85 %'],
  ['"part-4.m4s",INDEPENDENT=YES', '"part-4.m4s"', 'segment 9 begins with a part that is not independent'],
  ['URI="part-4.m4s"', 'URI=part-4.m4s', 'EXT-X-PART without a quoted URI'],
  ['T00:00:02.000Z', 'T00:00:02.050Z', 'the date of segment 9 is off by 50 ms'],
  ['2026-01-01T00:00:01', '2025-12-31T23:59:59', 'the date of segment 8 is off by -1980 ms'],
  ['2026-01-01T00:00:02.000Z', 'yesterday', 'malformed date yesterday'],
  ['#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z\n', '', 'the first segment has no date'],
  ['#EXT-X-PRELOAD-HINT:TYPE=PART,URI="part-6.m4s"\n', '', 'no hint for the next part'],
  ['"part-6.m4s"', '"part-5.m4s"', 'an address twice'],
  ['"part-6.m4s"\n', '"part-6.m4s"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI="part-7.m4s"\n', 'more than one hint'],
  ['"part-6.m4s"\n', '"part-6.m4s"\n#EXT-X-ENDLIST\n', 'an end that announces more'],
  ['"part-6.m4s"\n', '"part-6.m4s"\n#EXT-X-PART:DURATION=0.5,URI="part-6b.m4s"\n', 'a part behind a hint'],
  ['"part-6.m4s"\n', '"part-6.m4s"\n#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n', 'EXT-X-SKIP after the first segment'],
  [',LAST-PART=1', '', 'a report without LAST-PART'],
  [',LAST-MSN=9', '', 'a report without its fields'],
];

test.each(faults)('%j replaced by %j: %s', (part, replacement, issue) => {
  expect(VALID).toContain(part);
  expect(validateMediaPlaylist(VALID.replace(part, replacement)).join('\n')).toContain(issue);
});

test('parts that are listed for too long', () => {
  const parts = '#EXT-X-PART:DURATION=0.5,URI="part-a.m4s",INDEPENDENT=YES\n';
  const segments = [1, 2, 3, 4, 5].map((each) => `#EXTINF:0.5,\nsegment-b${each}.m4s\n`).join('');
  const text = VALID.replace(
    '#EXT-X-PROGRAM',
    `${parts}#EXTINF:0.5,\nsegment-a.m4s\n${segments}#EXT-X-PROGRAM`,
  );
  expect(validateMediaPlaylist(text)).toContain('segment 7 still lists parts');
});

/** The playlist a part later. */
const NEXT = VALID.replace(
  '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="part-6.m4s"',
  '#EXTINF:1,\nsegment-9.m4s\n#EXT-X-PART:DURATION=0.5,URI="part-6.m4s",INDEPENDENT=YES\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI="part-7.m4s"',
);
/** The first segment has left, as there are three more. */
const LATER = NEXT.replace('SEQUENCE:7', 'SEQUENCE:8')
  .replace(/#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00[^]*segment-7.m4s\n/, '')
  .replace(
    '#EXT-X-PRELOAD-HINT',
    '#EXT-X-PART:DURATION=0.5,URI="part-7.m4s"\n#EXTINF:1,\nsegment-10.m4s\n#EXT-X-PRELOAD-HINT',
  )
  .replace('"part-7.m4s"\n#EXT-X-RENDITION', '"part-8.m4s"\n#EXT-X-RENDITION');

test('playlists that follow each other as they should have no issue', () => {
  const validator = new PlaylistValidator();
  expect([VALID, NEXT, NEXT, LATER].flatMap((text) => validator.add(text))).toEqual([]);
  expect(validator.count).toBe(4);
});

const wrongSteps: readonly (readonly [string, string, string])[] = [
  [VALID, NEXT.replace('TARGETDURATION:1', 'TARGETDURATION:2'), 'the target duration changes'],
  [VALID, NEXT.replace('PART-TARGET=0.5', 'PART-TARGET=0.501'), 'the part target changes'],
  [VALID, NEXT.replace('SEQUENCE:7', 'SEQUENCE:6'), 'the media sequence falls'],
  [NEXT, VALID, 'the last segment is taken back'],
  [VALID, NEXT.replaceAll('part-6.m4s', 'part-9.m4s'), 'part-6.m4s was announced, part-9.m4s came'],
  [VALID, NEXT.replace('segment-7.m4s', 'segment-x.m4s'), 'segment 7 changes its address'],
  [VALID, NEXT.replace('T00:00:00.000Z', 'T00:00:00.010Z'), 'segment 7 changes its date'],
  [VALID, NEXT.replace('init-1.mp4', 'init-2.mp4'), 'segment 7 changes its map'],
  [VALID, NEXT.replace('#EXT-X-DISCONTINUITY\n', ''), 'segment 8 changes its discontinuity'],
  [VALID, NEXT.replace('"part-5.m4s"', '"part-5b.m4s"'), 'segment 9 changes part 1'],
  [
    NEXT,
    LATER.replace('DISCONTINUITY-SEQUENCE:2', 'DISCONTINUITY-SEQUENCE:3'),
    'the discontinuity sequence is 3, not 2',
  ],
  [
    VALID,
    NEXT.replace('SEQUENCE:7', 'SEQUENCE:8').replace(
      /#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00[^]*segment-7.m4s\n/,
      '',
    ),
    'only 2 s are left',
  ],
];

test.each(wrongSteps)('a wrong step is told (%#)', (before, after, issue) => {
  const validator = new PlaylistValidator();
  expect(validator.add(before)).toEqual([]);
  expect(validator.add(after).join('\n')).toContain(issue);
});

test('a delta update needs a playlist before it', () => {
  const delta = VALID.replace('#EXT-X-MAP:URI="init-1.mp4"', '#EXT-X-SKIP:SKIPPED-SEGMENTS=1');
  expect(new PlaylistValidator().add(delta).join()).toContain('without a full playlist');
});
