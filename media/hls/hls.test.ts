import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readFlvTags } from '../fixtures/flv.ts';
import {
  boxesOf,
  FlvUnitReader,
  readFragment,
  readInitSegment,
  type AccessUnit,
  type TrackConfig,
} from '../mp4/index.ts';
import {
  HlsMemory,
  HlsMuxer,
  HlsTimeline,
  initialState,
  isPlayable,
  parseFileName,
  parseReload,
  partTargetFor,
  reloadTimeLimitMs,
  renderMediaPlaylist,
  renderMultivariantPlaylist,
  resolveFile,
  resolveReload,
  Segmenter,
  WallClock,
  type HlsEvents,
  type HlsOptions,
  type HlsState,
} from './index.ts';
import { parseMediaPlaylist } from './parsed-playlist.ts';
import { PlaylistValidator, validateMediaPlaylist } from './validator.ts';

const START_MS = Date.UTC(2026, 0, 1);
const reader = new FlvUnitReader();
for (const tag of readFlvTags()) reader.read(tag, tag.timestampMs);
const tracks: readonly TrackConfig[] = reader.configs;
const [videoTrack, audioTrack] = tracks;

interface Source {
  readonly fromMs: number;
  readonly toMs: number;
  readonly frameMs: number;
  readonly framesPerKey: number;
  readonly audio?: boolean;
  readonly video?: boolean;
}

/** Units of an encoder as FLV carries them: times rounded to ms, interleaved. */
function unitsOf({ fromMs, toMs, frameMs, framesPerKey, audio = true, video = true }: Source): AccessUnit[] {
  const units: AccessUnit[] = [];
  const videoMs = video ? toMs - fromMs : 0;
  const audioMs = audio ? toMs - fromMs : 0;
  for (let frame = 0; frame * frameMs < videoMs; frame++) {
    const payload = Buffer.from([0, 0, 0, 3, frame % framesPerKey === 0 ? 0x65 : 0x41, frame & 255, 1]);
    const dtsMs = fromMs + Math.round(frame * frameMs);
    units.push({ kind: 'video', dtsMs, compositionMs: 80, keyFrame: frame % framesPerKey === 0, payload });
  }
  const packetMs = 1024 / 44.1;
  for (let packet = 0; packet * packetMs < audioMs; packet++) {
    const dtsMs = fromMs + Math.round(packet * packetMs);
    units.push({
      kind: 'audio',
      dtsMs,
      compositionMs: 0,
      keyFrame: true,
      payload: Buffer.from([1, packet & 255]),
    });
  }
  return units.toSorted((a, b) => a.dtsMs - b.dtsMs);
}

/** A rendition with its bytes, and every playlist it gave out, each checked as a player would meet it. */
class Rendition {
  readonly muxer: HlsMuxer;
  readonly memory = new HlsMemory();
  readonly validator = new PlaylistValidator();
  readonly issues: string[] = [];
  nowMs = START_MS;

  constructor(options: Partial<HlsOptions> = {}, state?: HlsState) {
    this.muxer = new HlsMuxer(options, state);
  }

  begin(set: readonly TrackConfig[] = tracks): this {
    this.#apply(this.muxer.begin(set, this.nowMs));
    return this;
  }

  push(units: readonly AccessUnit[]): this {
    for (const unit of units) {
      this.nowMs = START_MS + unit.dtsMs;
      this.#apply(this.muxer.push(unit, this.nowMs));
    }
    return this;
  }

  end(): this {
    this.#apply(this.muxer.end(this.nowMs));
    return this;
  }

  get state(): HlsState {
    return this.muxer.state;
  }

  playlist(container: HlsOptions['container'] = 'fmp4'): string {
    return renderMediaPlaylist(this.state, { container });
  }

  file(name: string): Buffer {
    const file = parseFileName(name, 'fmp4');
    const chunks = file && this.memory.read(resolveFile(file, this.state));
    if (!chunks) throw new Error(`${name} is not there`);
    return Buffer.concat(chunks);
  }

  #apply(events: HlsEvents): void {
    this.memory.apply(events);
    if (events.length > 0 && isPlayable(this.state)) this.issues.push(...this.validator.add(this.playlist()));
  }
}

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
  }, 30_000);

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

describe('blocking reload', () => {
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
    for (const query of [
      '_HLS_part=1',
      '_HLS_msn=-1',
      '_HLS_msn=1.5',
      '_HLS_msn=',
      '_HLS_msn=1&_HLS_part=x',
    ]) {
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
});

describe('clocks and rules', () => {
  test('dates follow the sender without jitter, and drift is taken out', () => {
    const wall = new WallClock();
    const driftPerMs = 100e-6;
    let last = 0;
    let offMs = 0;
    for (let mediaMs = 0; mediaMs < 3_600_000; mediaMs += 40) {
      const trueMs = START_MS + mediaMs * (1 + driftPerMs);
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
      wall.observe(mediaMs, START_MS + mediaMs + (mediaMs < 30_000 ? 0 : -3_600_000));
    }
    expect(wall.at(60_000)).toBe(START_MS + 60_000 - 3_600_000);
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
      const startMs = index * 700;
      return segmenter.before({ startMs, endMs: startMs + 700, keyFrame: true });
    });
    expect(cuts.flatMap((cut, index) => (cut === 'segment' ? [index * 700] : []))).toEqual([
      2100, 4200, 6300,
    ]);
  });

  test('the target duration never shrinks, and growing is counted', () => {
    const timeline = new HlsTimeline({ segmentMs: 2000, windowMs: 9000, windowBytesMax: 1e9 });
    const part = { independent: true, keyFrameFirst: true, sizeBytes: 1, wallMs: START_MS };
    for (const durationMs of [2000, 5400, 2000]) {
      timeline.addPart({ ...part, durationMs });
      timeline.endSegment(START_MS);
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
});
