import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readFlvTags } from '../fixtures/flv.ts';
import { box, fullBox, uint32 } from './box.ts';
import {
  AudioGrid,
  boxesOf,
  codecString,
  encodeFragment,
  findBox,
  FlvUnitReader,
  FragmentWriter,
  Mp4Recording,
  readBoxHeader,
  readFragment,
  readInitSegment,
  SampleClock,
  type AccessUnit,
  type AudioConfig,
  type Sample,
  type TrackConfig,
} from './index.ts';

const aac: AudioConfig = {
  kind: 'audio',
  codec: 'aac',
  record: Buffer.from('1210', 'hex'),
  samplingRateHz: 44_100,
  channels: 2,
};

function readFixture(): { tracks: TrackConfig[]; units: AccessUnit[] } {
  const reader = new FlvUnitReader();
  const units = readFlvTags().map((tag) => reader.read(tag, tag.timestampMs).unit);
  return { tracks: reader.configs, units: units.filter((unit) => unit !== undefined) };
}

function audioUnit(dtsMs: number): AccessUnit {
  return { kind: 'audio', dtsMs, compositionMs: 0, keyFrame: true, payload: Buffer.alloc(4) };
}

const sampleOf = (kind: 'video' | 'audio') =>
  fc.record<Sample>({
    kind: fc.constant(kind),
    startTicks: fc.constant(0),
    durationTicks: fc.integer({ min: 1, max: 0xffffffff }),
    compositionTicks: kind === 'audio' ? fc.constant(0) : fc.integer({ min: -0x80000000, max: 0x7fffffff }),
    keyFrame: kind === 'audio' ? fc.constant(true) : fc.boolean(),
    payload: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  });

test('a fragment reads back as it was written, at any time and with any composition', () => {
  const { tracks } = readFixture();
  const init = readInitSegment(new FragmentWriter(tracks).initSegment);
  const start = fc.maxSafeNat();
  const lists = [sampleOf('video'), sampleOf('audio')].map((each) =>
    fc.array(each, { minLength: 1, maxLength: 8 }),
  );
  fc.assert(
    fc.property(start, lists[0], lists[1], (startTicks, video, audio) => {
      const bytes = encodeFragment({
        sequence: 7,
        tracks: [
          { kind: 'video', samples: video.map((sample) => ({ ...sample, startTicks })) },
          { kind: 'audio', samples: audio.map((sample) => ({ ...sample, startTicks: 5 })) },
        ],
        producerTime: { kind: 'video', wallMs: 1_700_000_000_250, mediaTicks: startTicks },
      });
      const [prft, ...rest] = [...boxesOf(bytes)];
      expect([prft, ...rest].map(({ type }) => type)).toEqual(['prft', 'moof', 'mdat']);
      const fromMoof = bytes.subarray(prft.bytes.length);
      const { sequence, runs } = readFragment(fromMoof, init);
      expect(sequence).toBe(7);
      expect(runs.map((run) => [run.trackId, run.startTicks])).toEqual([
        [1, startTicks],
        [2, 5],
      ]);
      const read = runs.flatMap((run) => run.samples);
      for (const [index, sample] of [...video, ...audio].entries()) {
        const { offset, sizeBytes, ...fields } = read[index];
        const { durationTicks, compositionTicks, keyFrame } = sample;
        expect(fields).toEqual({ durationTicks, compositionTicks, keyFrame });
        expect(fromMoof.subarray(offset, offset + sizeBytes).equals(sample.payload)).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});

test('an init segment describes both tracks', () => {
  const { tracks } = readFixture();
  expect(tracks.map(codecString)).toEqual(['avc1.64000b', 'mp4a.40.2']);
  const bytes = new FragmentWriter(tracks).initSegment;
  expect([...boxesOf(bytes)].map(({ type }) => type)).toEqual(['ftyp', 'moov']);
  const [video, audio] = readInitSegment(bytes);
  expect(video).toMatchObject({ trackId: 1, timescale: 90_000, kind: 'video', sampleEntry: 'avc1' });
  expect([video.width, video.height]).toEqual([160, 120]);
  expect(video.codecBoxes.get('avcC')).toEqual(tracks[0].record);
  expect(audio).toMatchObject({ trackId: 2, timescale: 44_100, kind: 'audio', sampleEntry: 'mp4a' });
  expect(audio.codecBoxes.get('esds')?.includes(tracks[1].record)).toBe(true);
});

test('prft tells wall clock and media time', () => {
  const sample: Sample = {
    kind: 'audio',
    startTicks: 48,
    durationTicks: 1024,
    compositionTicks: 0,
    keyFrame: true,
    payload: Buffer.alloc(1),
  };
  const producerTime = { kind: 'audio', wallMs: 500, mediaTicks: 48 } as const;
  const bytes = encodeFragment({ sequence: 1, tracks: [{ kind: 'audio', samples: [sample] }], producerTime });
  expect(findBox(bytes, 'prft')?.toString('hex')).toBe(
    ['01000000', '00000002', '83aa7e80', '80000000', '0000000000000030'].join(''),
  );
});

test('box headers are read in all forms, and only when they are whole', () => {
  const large = Buffer.from('000000016d646174000000000000001a', 'hex');
  expect(readBoxHeader(large)).toEqual({ type: 'mdat', headerBytes: 16, sizeBytes: 26 });
  expect(readBoxHeader(large.subarray(0, 15))).toBeUndefined();
  expect(readBoxHeader(Buffer.from('000000006d646174', 'hex'))?.sizeBytes).toBeUndefined();
  expect(() => readBoxHeader(Buffer.from('000000076d646174', 'hex'))).toThrow('size 7');
});

test('a run without bytes per sample is bounded by its count', () => {
  const { tracks } = readFixture();
  const init = readInitSegment(new FragmentWriter(tracks).initSegment);
  const traf = box(
    'traf',
    fullBox('tfhd', { flags: 0x020000 }, uint32(1)),
    fullBox('tfdt', {}, uint32(0)),
    fullBox('trun', {}, uint32(0x7fffffff)),
  );
  const bytes = box('moof', fullBox('mfhd', {}, uint32(1)), traf);
  expect(() => readFragment(bytes, init)).toThrow(expect.objectContaining({ code: 'MP4_TOO_MANY' }));
});

test('sound with rounded timestamps lies on the grid of its samples without a gap', () => {
  const clock = new SampleClock(aac, () => 1024);
  const frameMs = (1024 * 1000) / 44_100;
  let end = 0;
  for (let frame = 0; frame < 3000; frame++) {
    const sample = clock.push(audioUnit(Math.round(frame * frameMs)));
    if (!sample) continue;
    expect(sample.durationTicks).toBe(1024);
    expect(sample.startTicks).toBe(end);
    end = sample.startTicks + sample.durationTicks;
  }
  expect(clock.resyncs).toBe(0);
});

test('the grid does not drift in 50 days', () => {
  const grid = new AudioGrid(44_100);
  const packetSamples = 1024 * 1024;
  const packetMs = (packetSamples * 1000) / 44_100;
  const packets = Math.ceil((50 * 86_400_000) / packetMs);
  for (let packet = 0; packet < packets; packet++) {
    const start = grid.place(Math.round(packet * packetMs), packetSamples);
    if (start !== packet * packetSamples) expect(start).toBe(packet * packetSamples);
  }
  expect(packets).toBeGreaterThan(180_000);
  expect(grid.resyncs).toBe(0);
});

test('a sender whose clock is slow is followed within half a frame, in one step at a time', () => {
  const clock = new SampleClock(aac, () => 1024);
  const frameMs = ((1024 * 1000) / 44_100) * 1.0005;
  for (let frame = 0; frame < 20_000; frame++) {
    const dtsMs = Math.round(frame * frameMs);
    const sample = clock.push(audioUnit(dtsMs));
    if (!sample) continue;
    const offMs = ((sample.startTicks + sample.durationTicks) * 1000) / 44_100 - dtsMs;
    expect(Math.abs(offMs)).toBeLessThan(frameMs / 2 + 2);
  }
  expect(clock.resyncs).toBeGreaterThan(10);
  expect(clock.resyncs).toBeLessThan(25);
});

test('frames that come in pairs with one time stay on the grid; missing sound moves it at once', () => {
  const clock = new SampleClock(aac, () => 1024);
  const durations: number[] = [];
  for (let frame = 0; frame < 100; frame++) {
    const late = frame < 50 ? 0 : 1000;
    const sample = clock.push(audioUnit(late + Math.round((Math.floor(frame / 2) * 2048 * 1000) / 44_100)));
    if (sample) durations.push(sample.durationTicks);
  }
  expect(durations.filter((ticks) => ticks !== 1024)).toEqual([1024 + 44_100]);
  expect(clock.resyncs).toBe(1);
});

test('a recording is continuous over its fragments, each of which begins with a key frame', () => {
  const { tracks, units } = readFixture();
  const recording = new Mp4Recording(tracks);
  const fragments = [...units.map((unit) => recording.push(unit)), recording.end()];
  const init = readInitSegment(recording.initSegment);
  const ends = new Map<number, number>();
  let samples = 0;
  for (const bytes of fragments) {
    if (!bytes) continue;
    const { runs } = readFragment(bytes, init);
    for (const run of runs) {
      expect(run.startTicks).toBe(ends.get(run.trackId) ?? run.startTicks);
      if (run.trackId === 1 && ends.has(1)) expect(run.samples[0].keyFrame).toBe(true);
      const ticks = run.samples.reduce((sum, { durationTicks }) => sum + durationTicks, 0);
      ends.set(run.trackId, run.startTicks + ticks);
      samples += run.samples.length;
    }
  }
  expect(fragments.filter(Boolean).length).toBeGreaterThan(1);
  expect(samples).toBe(units.length);
});

test('a recording without key frames ends its fragments by time and by bytes', () => {
  const recording = new Mp4Recording([aac], { fragmentMsMax: 100, fragmentBytesMax: 20 });
  const units = Array.from({ length: 10 }, (_, index) => audioUnit(index * 23));
  const fragments = units.map((unit) => recording.push(unit)).filter(Boolean);
  expect(fragments.length).toBe(1);
  const long = new Mp4Recording([aac], { fragmentMsMax: 100, fragmentBytesMax: 1000 });
  expect(units.map((unit) => long.push(unit)).filter(Boolean).length).toBe(1);
});
