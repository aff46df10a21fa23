import { expect, test } from 'vitest';
import {
  HlsTimeline,
  initialState,
  isPlayable,
  partTargetFor,
  renderMediaPlaylist,
  renderMultivariantPlaylist,
  Segmenter,
  WallClock,
} from './index.ts';
import { Rendition, startMs, unitsOf } from './testing.ts';
import { validateMediaPlaylist } from './validator.ts';

test('dates follow the sender without jitter, and drift is taken out', () => {
  const wall = new WallClock();
  const driftPerMs = 100e-6;
  let last = 0;
  let offMs = 0;
  for (let mediaMs = 0; mediaMs < 3_600_000; mediaMs += 40) {
    const trueMs = startMs + mediaMs * (1 + driftPerMs);
    wall.observe(mediaMs, trueMs + ((mediaMs * 7919) % 200));
    if (mediaMs % 2000 !== 0) continue;
    const wallMs = wall.at(mediaMs);
    if (mediaMs > 0) expect(Math.abs(wallMs - last - 2000)).toBeLessThanOrEqual(6);
    last = wallMs;
    offMs = Math.abs(wallMs - trueMs);
  }
  expect(offMs).toBeLessThan(10);
  expect(wall.jumps).toBe(0);
});

test('a wall clock that is set moves the dates at once', () => {
  const wall = new WallClock();
  for (let mediaMs = 0; mediaMs < 60_000; mediaMs += 40) {
    wall.observe(mediaMs, startMs + mediaMs + (mediaMs < 30_000 ? 0 : -3_600_000));
  }
  expect(wall.at(60_000)).toBe(startMs + 60_000 - 3_600_000);
  expect(wall.jumps).toBe(1);
});

test('the part target suits long pictures', () => {
  expect(partTargetFor(500, 40)).toBe(500);
  expect(partTargetFor(500, 200)).toBe(603);
  expect(partTargetFor(500, 1000)).toBe(1001);
  expect(partTargetFor(0, 200)).toBe(0);
});

test('a segment ends at the key frame that is nearest', () => {
  const segmenter = new Segmenter({
    segmentMs: 2000,
    targetMs: 2000,
    partTargetMs: 0,
    segmentMsMax: 9000,
    dividesSamples: false,
  });
  const cuts = Array.from({ length: 12 }, (_, index) => {
    const fromMs = index * 700;
    return segmenter.before({ startMs: fromMs, endMs: fromMs + 700, keyFrame: true });
  });
  expect(cuts.flatMap((cut, index) => (cut === 'segment' ? [index * 700] : []))).toEqual([2100, 4200, 6300]);
});

test('the target duration never shrinks, and growing is counted', () => {
  const timeline = new HlsTimeline({ segmentMs: 2000, windowMs: 9000, windowBytesMax: 1e9 });
  const part = { independent: true, keyFrameFirst: true, sizeBytes: 1, wallMs: startMs };
  for (const durationMs of [2000, 5400, 2000]) {
    timeline.addPart({ ...part, durationMs });
    timeline.endSegment(startMs);
  }
  expect(timeline.state.targetDurationSeconds).toBe(5);
  expect(timeline.targetGrowths).toBe(1);
  expect(isPlayable(initialState({ segmentMs: 2000 }))).toBe(false);
});

test('a multivariant playlist names codecs, sizes and the sound apart', () => {
  const text = renderMultivariantPlaylist({
    variants: [
      {
        uri: 'source/index.m3u8',
        bandwidth: 2_500_000.4,
        averageBandwidth: 2e6,
        codecs: ['avc1.64001f', 'mp4a.40.2'],
        width: 1280,
        height: 720,
        framesPerSecond: 29.97,
        audioGroup: 'sound',
      },
      { uri: 'audio/index.m3u8', bandwidth: 128_000, codecs: ['mp4a.40.2'] },
    ],
    audio: [{ group: 'sound', name: 'a "name"', uri: 'audio/index.m3u8', isDefault: true, channels: 2 }],
    query: 'token=1',
  });
  expect(text.split('\n').slice(3)).toEqual([
    '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="a name",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio/index.m3u8?token=1"',
    '#EXT-X-STREAM-INF:BANDWIDTH=2500001,AVERAGE-BANDWIDTH=2000000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO="sound"',
    'source/index.m3u8?token=1',
    '#EXT-X-STREAM-INF:BANDWIDTH=128000,CODECS="mp4a.40.2"',
    'audio/index.m3u8?token=1',
    '',
  ]);
});

test('renditions tell where the others stand, and every address carries the signature', () => {
  const source = unitsOf({ fromMs: 0, toMs: 5000, frameMs: 40, framesPerKey: 50 });
  const { state } = new Rendition().begin().push(source);
  const renditionReports = [{ uri: '../720p/index.m3u8', state }];
  const text = renderMediaPlaylist(state, { container: 'fmp4', query: 'token=1', renditionReports });
  expect(validateMediaPlaylist(text)).toEqual([]);
  expect(text).toContain('#EXT-X-RENDITION-REPORT:URI="../720p/index.m3u8?token=1",LAST-MSN=2,LAST-PART=1');
  const addresses = text.split('\n').filter((line) => /\.(m4s|mp4|m3u8)/.test(line));
  expect(addresses.every((line) => line.includes('?token=1'))).toBe(true);
});
