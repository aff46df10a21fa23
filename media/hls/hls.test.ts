import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { boxesOf, readFragment, readInitSegment, type TrackConfig } from '../mp4/index.ts';
import { parseFileName, renderMediaPlaylist, resolveFile, type HlsState } from './index.ts';
import { parseMediaPlaylist } from './parsed-playlist.ts';
import { audioTrack, Rendition, tracks, unitsOf, videoTrack, type Source } from './testing.ts';
import { PlaylistValidator, validateMediaPlaylist } from './validator.ts';

describe('a low-latency rendition', () => {
  const steady: Source = { fromMs: 0, toMs: 60_000, frameMs: 40, framesPerKey: 50 };

  test('a minute of pictures and sound: every playlist is valid', () => {
    const rendition = new Rendition().begin().push(unitsOf(steady));
    expect(rendition.issues).toEqual([]);
    expect(rendition.validator.count).toBeGreaterThan(100);
    const { targetDuration, partTarget, segments } = parseMediaPlaylist(rendition.playlist());
    expect([targetDuration, partTarget]).toEqual([2, 0.5]);
    expect(segments.slice(0, -1).every(({ duration }) => duration === 2)).toBe(true);
    expect(segments.at(-2)?.parts.map(({ duration }) => duration)).toEqual([0.48, 0.48, 0.48, 0.48, 0.08]);
  });

  test('parts add up to their segment in bytes, and every track is continuous from part to part', () => {
    const rendition = new Rendition()
      .begin()
      .push(unitsOf({ ...steady, toMs: 9000 }))
      .end();
    const { segments } = parseMediaPlaylist(rendition.playlist());
    const init = readInitSegment(rendition.file(segments[0].map));
    const ends = new Map<number, number>();
    expect(segments.length).toBeGreaterThan(3);
    for (const { uri = '', parts } of segments) {
      const whole = rendition.file(uri);
      if (parts.length > 0)
        expect(Buffer.concat(parts.map((part) => rendition.file(part.uri)))).toEqual(whole);
      const boxes = [...boxesOf(whole)];
      expect(boxes[0].type).toBe('styp');
      for (const { type, bytes } of boxes) {
        if (type !== 'moof') continue;
        for (const { trackId, startTicks, samples } of readFragment(bytes, init).runs) {
          expect(startTicks).toBe(ends.get(trackId) ?? startTicks);
          ends.set(trackId, startTicks + samples.reduce((sum, { durationTicks }) => sum + durationTicks, 0));
        }
      }
    }
    expect(ends.get(1)).toBe(9000 * 90);
  });

  test('segments begin with a key frame, near the wanted duration, whatever the groups of pictures', () => {
    const anyGroup = fc.record({
      frameMs: fc.constantFrom(16.683, 20, 33.367, 40, 41.708, 66.667, 100, 200, 500),
      framesPerKey: fc.integer({ min: 1, max: 120 }),
      segmentMs: fc.constantFrom(1000, 2000, 4000),
      audio: fc.boolean(),
    });
    fc.assert(
      fc.property(anyGroup, ({ frameMs, framesPerKey, segmentMs, audio }) => {
        fc.pre(frameMs * framesPerKey < 10_000);
        const rendition = new Rendition({ segmentMs }).begin(audio ? tracks : [videoTrack]);
        rendition.push(unitsOf({ fromMs: 0, toMs: 25_000, frameMs, framesPerKey, audio }));
        expect(rendition.issues).toEqual([]);
        const groupMs = frameMs * framesPerKey;
        const targetMs = rendition.state.targetDurationSeconds * 1000;
        for (const { durationMs, independent } of rendition.state.segments) {
          expect(independent).toBe(true);
          const isNear = Math.abs(durationMs - segmentMs) <= Math.max(groupMs / 2, groupMs - segmentMs) + 2;
          const isForced = durationMs + groupMs > targetMs + 490;
          expect(isNear || isForced).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('sound alone', () => {
    const source = { ...steady, video: false };
    const rendition = new Rendition().begin([audioTrack]).push(unitsOf(source));
    expect(rendition.issues).toEqual([]);
    expect(rendition.validator.count).toBeGreaterThan(100);
  });

  test('a new epoch is a discontinuity with its own init segment; nobody gets a part that needs another', () => {
    const rendition = new Rendition({ windowMs: 8000 }).begin().push(unitsOf({ ...steady, toMs: 5000 }));
    const announced = rendition.state.nextPart;
    rendition.begin([videoTrack]);
    const answers = [announced, announced + 1, announced + 2].map((number) =>
      resolveFile({ kind: 'part', number }, rendition.state),
    );
    // What was left of the old epoch, a name that stays unused, and the first part of the new one.
    expect(answers.map(({ kind }) => kind)).toEqual(['ready', 'gone', 'wait']);
    rendition.push(unitsOf({ ...steady, fromMs: 7000, toMs: 12_000, audio: false }));
    const { segments } = parseMediaPlaylist(rendition.playlist());
    const second = segments.findIndex(({ discontinuity }) => discontinuity);
    expect(segments.filter(({ discontinuity }) => discontinuity).length).toBe(1);
    expect(readInitSegment(rendition.file(segments[second].map)).length).toBe(1);
    expect(readInitSegment(rendition.file(segments[second - 1].map)).length).toBe(2);
    rendition.push(unitsOf({ ...steady, fromMs: 12_000, toMs: 60_000, audio: false }));
    expect(parseMediaPlaylist(rendition.playlist()).discontinuitySequence).toBe(1);
    expect(rendition.issues).toEqual([]);
  });

  test('pictures that stay away for long do not hold up the sound', () => {
    const rendition = new Rendition().begin().push(unitsOf({ ...steady, toMs: 4000 }));
    rendition.push(unitsOf({ ...steady, fromMs: 4000, toMs: 14_000, video: false }));
    const { segments, open } = rendition.state;
    const shownMs = segments.reduce((sum, { durationMs }) => sum + durationMs, open?.durationMs ?? 0);
    expect(shownMs).toBeGreaterThan(13_400);
    expect(segments.at(-1)?.independent).toBe(false);
    rendition.push(unitsOf({ ...steady, fromMs: 14_000, toMs: 60_000 }));
    expect(rendition.muxer.counts).toMatchObject({ videoStalls: 1, targetGrowths: 0 });
    expect(rendition.state.segments.at(-1)?.independent).toBe(true);
    expect(rendition.issues).toEqual([]);
  });

  test('a gap in which nothing came is a discontinuity, and no part spans it', () => {
    const rendition = new Rendition().begin().push(unitsOf({ ...steady, toMs: 5000 }));
    rendition.push(unitsOf({ ...steady, fromMs: 15_000, toMs: 30_000 }));
    expect(rendition.issues).toEqual([]);
    expect(rendition.muxer.counts).toMatchObject({ gaps: 1, targetGrowths: 0 });
    const { segments } = rendition.state;
    const after = segments.findIndex(({ discontinuity }) => discontinuity);
    expect(segments[after].wallMs - segments[after - 1].wallMs).toBeGreaterThan(10_000);
  });

  test('sound that is two seconds ahead of its pictures is no stall', () => {
    const rendition = new Rendition().begin().push(unitsOf(steady), 1900);
    expect(rendition.muxer.counts).toMatchObject({ videoStalls: 0, targetGrowths: 0 });
    expect(rendition.state.segments.at(-1)?.durationMs).toBe(2000);
  });

  test('without key frames segments end all the same and memory stays bounded', () => {
    const units = unitsOf({ ...steady, framesPerKey: 1_000_000 });
    const rendition = new Rendition({ segmentMsMax: 5000, windowMs: 15_000 }).begin().push(units);
    expect(rendition.muxer.counts.forcedCuts).toBeGreaterThan(10);
    expect(rendition.playlist()).not.toContain('INDEPENDENT-SEGMENTS');
    expect(rendition.state.segments.every(({ durationMs }) => durationMs <= 5000)).toBe(true);
  });

  test('a part ends when it holds too much', () => {
    const rendition = new Rendition({ partBytesMax: 40 }).begin().push(unitsOf({ ...steady, toMs: 3000 }));
    const parts = rendition.state.segments.flatMap((segment) => segment.parts);
    expect(parts.length).toBeGreaterThan(6);
    expect(rendition.muxer.heldBytes).toBeLessThan(80);
  });

  test('bytes: what has left the window stays for its time and is then let go', () => {
    const rendition = new Rendition({ windowMs: 6000 }).begin().push(unitsOf(steady));
    const { removed, segments } = rendition.state;
    expect(segments.length).toBeLessThanOrEqual(4);
    expect(removed.length).toBeGreaterThan(2);
    for (const { segment, expiresAtMs } of removed) {
      expect(expiresAtMs).toBeGreaterThan(rendition.nowMs);
      expect(rendition.file(`segment-${segment.sequence}.m4s`).length).toBe(segment.sizeBytes);
    }
    const oldest = removed[0].segment.sequence;
    expect(() => rendition.file(`segment-${oldest - 1}.m4s`)).toThrow('not there');
    const kept = [
      ...removed.map(({ segment }) => segment),
      ...segments,
      ...(rendition.state.open ? [rendition.state.open] : []),
    ];
    const init = rendition.file('init-0.mp4').length;
    expect(rendition.memory.bytes).toBe(init + kept.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  });

  test('a window with too many bytes gets shorter, but not below three target durations', () => {
    const rendition = new Rendition({ windowBytesMax: 1 }).begin().push(unitsOf(steady));
    expect(rendition.issues).toEqual([]);
    expect(rendition.state.segments.length).toBe(3);
  });

  test('after a restart all numbers go on', () => {
    const before = new Rendition().begin().push(unitsOf({ ...steady, toMs: 7000 }));
    const kept: HlsState = JSON.parse(JSON.stringify(before.state));
    const after = new Rendition({}, kept).begin().push(unitsOf({ ...steady, fromMs: 9000, toMs: 20_000 }));
    expect(after.issues).toEqual([]);
    const old = parseMediaPlaylist(before.playlist());
    const now = parseMediaPlaylist(after.playlist());
    expect(now.mediaSequence).toBe(old.segments.at(-1)!.sequence + 1);
    const all = [...old.segments, ...now.segments];
    const names = all.flatMap(({ uri, parts }) => [...(uri ? [uri] : []), ...parts.map((part) => part.uri)]);
    expect(new Set(names).size).toBe(names.length);
    expect(now.segments.map(({ discontinuity }) => discontinuity).slice(0, 2)).toEqual([true, false]);
    expect(now.segments[0].map).not.toBe(old.segments[0].map);
  });

  test('the end is told, and nothing is announced behind it', () => {
    const rendition = new Rendition()
      .begin()
      .push(unitsOf({ ...steady, toMs: 3000 }))
      .end();
    expect(rendition.issues).toEqual([]);
    expect(rendition.playlist()).toMatch(/segment-1\.m4s\n#EXT-X-ENDLIST\n$/);
    expect(rendition.state.segments.reduce((sum, { durationMs }) => sum + durationMs, 0)).toBe(3000);
  });

  test('a delta update leaves out what is old', () => {
    const rendition = new Rendition({ windowMs: 60_000 }).begin().push(unitsOf(steady));
    const full = rendition.playlist();
    const delta = renderMediaPlaylist(rendition.state, { container: 'fmp4', skip: true });
    const validator = new PlaylistValidator();
    expect([...validator.add(full), ...validator.add(delta)]).toEqual([]);
    const { skipped, segments } = parseMediaPlaylist(delta);
    expect(skipped).toBeGreaterThan(20);
    expect(skipped + segments.length).toBe(parseMediaPlaylist(full).segments.length);
    const listedMs = segments.reduce((sum, { duration }) => sum + duration * 1000, 0);
    expect(listedMs).toBeGreaterThanOrEqual(12_000);
  });
});

describe('MPEG-TS', () => {
  test('whole segments without parts and without init segment', () => {
    const rendition = new Rendition({ container: 'mpegts', partMs: 0 });
    const files = rendition.begin().push(unitsOf({ fromMs: 0, toMs: 20_000, frameMs: 40, framesPerKey: 50 }));
    const text = files.playlist('mpegts');
    expect(validateMediaPlaylist(text)).toEqual([]);
    expect(text).not.toMatch(/EXT-X-(MAP|PART|PRELOAD)/);
    const { head, segments } = parseMediaPlaylist(text);
    expect(head.get('EXT-X-VERSION')).toBe('3');
    expect(segments.length).toBe(9);
    const answer = resolveFile(parseFileName(segments[0].uri ?? '', 'mpegts')!, files.state);
    expect(Buffer.concat(files.memory.read(answer) ?? [])[0]).toBe(0x47);
  });

  test('a track it cannot carry is left out, and a stream of such tracks has no files', () => {
    const hevc = { ...videoTrack, codec: 'hevc' } as TrackConfig;
    const source = unitsOf({ fromMs: 0, toMs: 9000, frameMs: 40, framesPerKey: 50 });
    const rendition = new Rendition({ container: 'mpegts', partMs: 0 })
      .begin([hevc, audioTrack])
      .push(source);
    expect(rendition.state.segments.length).toBeGreaterThan(2);
    expect(rendition.muxer.counts.unitsLeftOut).toBe(225);
    expect(new Rendition({ container: 'mpegts' }).begin([hevc]).push(source).state.nextPart).toBe(0);
  });
});
