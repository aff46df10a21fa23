import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { describeWithEngines } from '../../test/engines.ts';
import { readFlvTags } from '../fixtures/flv.ts';
import { annexBNals, nalType, nalTypeOf } from '../h264/index.ts';
import { FlvUnitReader, packetSamplesOf, SampleClock, type Sample, type TrackConfig } from '../mp4/index.ts';
import { crc32Mpeg2, isTsTrack, packetBytes, pid, TsWriter, wrap33 } from './index.ts';
import { encodePes } from './pes.ts';

const WRAP_TICKS = 2 ** 33;

/** Samples of the fixture, later by `shiftMs`. */
function readSamples(shiftMs = 0): { tracks: TrackConfig[]; samples: Sample[] } {
  const reader = new FlvUnitReader();
  const units = readFlvTags()
    .map((tag) => reader.read(tag, tag.timestampMs + shiftMs).unit)
    .filter((unit) => unit !== undefined);
  const tracks = reader.configs;
  const clocks = new Map(tracks.map((track) => [track.kind, new SampleClock(track, packetSamplesOf(track))]));
  const samples = [
    ...units.map((unit) => clocks.get(unit.kind)?.push(unit)),
    ...[...clocks.values()].map((clock) => clock.flush()),
  ];
  return { tracks, samples: samples.filter((sample) => sample !== undefined) };
}

/** A piece for each group of pictures, as segments of a playlist are. */
function writePieces(shiftMs = 0): { pieces: Buffer[]; samples: Sample[] } {
  const { tracks, samples } = readSamples(shiftMs);
  const writer = new TsWriter(tracks);
  const pieces: (Buffer | undefined)[] = [];
  for (const sample of samples) {
    if (sample.kind === 'video' && sample.keyFrame) {
      pieces.push(writer.cut({ beforeSeconds: sample.startTicks / 90_000 }));
    }
    writer.add(sample);
  }
  pieces.push(writer.cut());
  expect(writer.heldBytes).toBe(0);
  return { pieces: pieces.filter((piece) => piece !== undefined), samples };
}

interface TransportPacket {
  readonly pid: number;
  readonly isStart: boolean;
  readonly counter: number;
  readonly clockTicks: number | undefined;
  readonly payload: Buffer;
}

/** Takes packets apart, by the specification and not by the code under test. */
function readPackets(bytes: Buffer): TransportPacket[] {
  expect(bytes.length % packetBytes).toBe(0);
  return Array.from({ length: bytes.length / packetBytes }, (_, index) => {
    const packet = bytes.subarray(index * packetBytes, (index + 1) * packetBytes);
    expect(packet[0]).toBe(0x47);
    const hasField = (packet[3] & 0x20) !== 0;
    const start = hasField ? 5 + packet[4] : 4;
    expect(start).toBeLessThan(packetBytes);
    const hasClock = hasField && packet[4] > 0 && (packet[5] & 0x10) !== 0;
    return {
      pid: packet.readUInt16BE(1) & 0x1fff,
      isStart: (packet[1] & 0x40) !== 0,
      counter: packet[3] & 15,
      clockTicks: hasClock ? packet.readUInt32BE(6) * 2 + (packet[10] >>> 7) : undefined,
      payload: packet.subarray(start),
    };
  });
}

function unitsOf(packets: readonly TransportPacket[], wanted: number): Buffer[] {
  const units: Buffer[][] = [];
  for (const { pid, isStart, payload } of packets) {
    if (pid !== wanted) continue;
    if (isStart) units.push([]);
    units.at(-1)?.push(payload);
  }
  return units.map((parts) => Buffer.concat(parts));
}

/** PTS of a PES packet. */
function ptsOf(pes: Buffer): number {
  return (
    ((pes[9] >>> 1) & 7) * 2 ** 30 + (pes.readUInt16BE(10) >>> 1) * 2 ** 15 + (pes.readUInt16BE(12) >>> 1)
  );
}

test('the checksum is that of MPEG-2 sections', () => {
  expect(crc32Mpeg2(Buffer.from('123456789'))).toBe(0x0376e6e7);
});

test('every piece begins with its tables and a key frame; counters go on over all pieces', () => {
  const { pieces } = writePieces();
  expect(pieces.length).toBeGreaterThan(1);
  const counters = new Map<number, number>();
  for (const piece of pieces) {
    const packets = readPackets(piece);
    expect(packets.slice(0, 3).map((packet) => packet.pid)).toEqual([
      pid.programAssociation,
      pid.programMap,
      expect.toBeOneOf([pid.video, pid.audio]),
    ]);
    for (const section of packets.slice(0, 2).map(({ payload }) => payload.subarray(1 + payload[0]))) {
      const end = 3 + (section.readUInt16BE(1) & 0xfff);
      expect(crc32Mpeg2(section.subarray(0, end))).toBe(0);
    }
    for (const packet of packets) {
      expect(packet.counter).toBe(counters.get(packet.pid) ?? packet.counter);
      counters.set(packet.pid, (packet.counter + 1) % 16);
    }
    const [first] = unitsOf(packets, pid.video);
    const types = [...annexBNals(first.subarray(9 + first[8]))].map(nalTypeOf);
    expect(types.slice(0, 3)).toEqual([nalType.accessUnitDelimiter, nalType.sps, nalType.pps]);
    expect(types).toContain(nalType.idr);
  }
});

test('time stamps wrap at 33 bits and stay together, clock included', () => {
  const shiftMs = Math.floor(WRAP_TICKS / 90) - 1000;
  const { pieces, samples } = writePieces(shiftMs);
  const packets = pieces.flatMap(readPackets);
  const video = samples.filter(({ kind }) => kind === 'video');
  const units = unitsOf(packets, pid.video);
  expect(units.length).toBe(video.length);
  for (const [index, { startTicks, compositionTicks }] of video.entries()) {
    expect(ptsOf(units[index])).toBe((startTicks + compositionTicks + 63_000) % WRAP_TICKS);
  }
  const clocks = packets.map(({ clockTicks }) => clockTicks).filter((ticks) => ticks !== undefined);
  expect(clocks).toEqual(video.map(({ startTicks }) => startTicks % WRAP_TICKS));
  expect(clocks.some((ticks, index) => index > 0 && ticks < clocks[index - 1])).toBe(true);
});

test('PTS and DTS read back at any time', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.integer({ min: -100_000, max: 100_000 }), (dtsTicks, composition) => {
      const ptsTicks = dtsTicks + composition;
      const pes = encodePes({ kind: 'video', ptsTicks, dtsTicks, payload: Buffer.alloc(1) });
      expect(ptsOf(pes)).toBe(wrap33(ptsTicks));
      if (composition !== 0) expect(ptsOf(pes.subarray(5))).toBe(wrap33(dtsTicks));
      expect(pes.length).toBe(composition === 0 ? 15 : 20);
    }),
    { numRuns: 500 },
  );
});

test('what has no form in MPEG-TS is told before, and damaged samples alone are left out', () => {
  const { tracks, samples } = readSamples();
  const [video, audio] = tracks;
  expect(tracks.every(isTsTrack)).toBe(true);
  expect(isTsTrack({ ...video, codec: 'hevc' } as TrackConfig)).toBe(false);
  expect(isTsTrack({ ...audio, codec: 'opus' } as TrackConfig)).toBe(false);
  const writer = new TsWriter(tracks);
  const picture = samples.find(({ kind }) => kind === 'video');
  const sound = samples.find(({ kind }) => kind === 'audio');
  if (!picture || !sound) throw new Error('the fixture has both');
  const torn = { ...picture, payload: picture.payload.subarray(0, -1) };
  expect(() => writer.add(torn)).toThrow(expect.objectContaining({ code: 'AVC_NAL_INVALID' }));
  const long = { ...sound, payload: Buffer.alloc(8185) };
  expect(() => writer.add(long)).toThrow(expect.objectContaining({ code: 'ADTS_INVALID' }));
  expect(writer.cut()).toBeUndefined();
});

describeWithEngines('MPEG-TS in ffprobe', ['ffmpeg'], ({ ffmpeg }) => {
  const folder = mkdtempSync(join(tmpdir(), 'gala-ts-'));
  const file = join(folder, 'piece.ts');
  afterAll(() => rmSync(folder, { recursive: true }));

  function probe(bytes: Buffer): { packets: { codec_type: string; dts: number; pts: number }[] } {
    writeFileSync(file, bytes);
    const args = ['-v', 'warning', '-show_packets', '-of', 'json', file];
    const probed = spawnSync(join(dirname(ffmpeg), 'ffprobe'), args, { maxBuffer: 16 * 1024 * 1024 });
    expect([probed.status, probed.stderr.toString()]).toEqual([0, '']);
    return JSON.parse(probed.stdout.toString());
  }

  test.each([
    ['at the start', 0],
    ['over the wrap after 26.5 hours', Math.floor(WRAP_TICKS / 90) - 1000],
  ])('every sample, with rising decoding times, %s', (_, shiftMs) => {
    const { pieces, samples } = writePieces(shiftMs);
    const { packets } = probe(Buffer.concat(pieces));
    for (const kind of ['video', 'audio']) {
      const read = packets.filter(({ codec_type }) => codec_type === kind);
      expect(read.length).toBe(samples.filter((sample) => sample.kind === kind).length);
      for (const [index, { dts, pts }] of read.entries()) {
        expect(pts).toBeGreaterThanOrEqual(dts);
        if (index > 0) expect(dts).toBeGreaterThan(read[index - 1].dts);
      }
    }
  });

  test('each piece decodes by itself without a word', () => {
    const { pieces } = writePieces();
    for (const piece of [...pieces, Buffer.concat(pieces)]) {
      writeFileSync(file, piece);
      const decoded = spawnSync(ffmpeg, ['-v', 'warning', '-xerror', '-i', file, '-f', 'null', '-']);
      expect([decoded.status, decoded.stderr.toString()]).toEqual([0, '']);
    }
  });
});
