import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { describeWithEngines } from '../../test/engines.ts';
import { readFlvTags } from '../fixtures/flv.ts';
import {
  boxesOf,
  codecString,
  FlvUnitReader,
  FragmentIndex,
  Mp4Recording,
  readFragment,
  readInitSegment,
  type AccessUnit,
  type FlvUnit,
} from './index.ts';

interface Packet {
  codec_type: 'video' | 'audio';
  pts: number;
  dts: number;
  /** Not told for the first packet of sound. */
  duration?: number;
  flags: string;
}

interface Report {
  streams: { codec_name: string; width?: number; height?: number; sample_rate?: string; channels?: number }[];
  packets: Packet[];
}

/** One codec as a sender of enhanced RTMP has it: name of the stream in ffprobe, encoder, FourCC, codec string. */
interface Case {
  readonly name: string;
  readonly kind: 'video' | 'audio';
  readonly encoder: readonly string[];
  readonly fourCc: string;
  readonly codecs: RegExp;
}

const cases: readonly Case[] = [
  {
    name: 'hevc',
    kind: 'video',
    encoder: ['libx265', '-tag:v', 'hvc1', '-x265-params', 'log-level=none'],
    fourCc: 'hvc1',
    codecs: /^hvc1\.1\.6\.L\d+\.\w+$/,
  },
  {
    name: 'av1',
    kind: 'video',
    encoder: ['libaom-av1', '-cpu-used', '8'],
    fourCc: 'av01',
    codecs: /^av01\.0\.\d\dM\.08$/,
  },
  {
    name: 'vp9',
    kind: 'video',
    encoder: ['libvpx-vp9', '-cpu-used', '8'],
    fourCc: 'vp09',
    codecs: /^vp09\.00\.\d\d\.08$/,
  },
  { name: 'opus', kind: 'audio', encoder: ['libopus'], fourCc: 'Opus', codecs: /^opus$/ },
  { name: 'flac', kind: 'audio', encoder: ['flac', '-strict', '-2'], fourCc: 'fLaC', codecs: /^flac$/ },
  { name: 'ac3', kind: 'audio', encoder: ['ac3'], fourCc: 'ac-3', codecs: /^ac-3$/ },
  { name: 'eac3', kind: 'audio', encoder: ['eac3'], fourCc: 'ec-3', codecs: /^ec-3$/ },
];

/** Goal: real programs read what is written here. Method: ffprobe counts and decodes, and must say nothing else. */
describeWithEngines('ffprobe', ['ffmpeg'], ({ ffmpeg }) => {
  const folder = mkdtempSync(join(tmpdir(), 'gala-mp4-'));
  const ffprobe = join(dirname(ffmpeg), 'ffprobe');
  afterAll(() => rmSync(folder, { recursive: true }));

  function probe(bytes: Buffer): Report {
    const file = join(folder, 'probed.mp4');
    writeFileSync(file, bytes);
    const show = ['-show_streams', '-show_packets', '-of', 'json'];
    return JSON.parse(run(ffprobe, ['-v', 'error', ...show, file]).toString());
  }

  /** Decodes every frame; a program that says anything about them fails the test. */
  function decode(bytes: Buffer): void {
    const file = join(folder, 'decoded.mp4');
    writeFileSync(file, bytes);
    const decoded = spawnSync(ffmpeg, ['-v', 'warning', '-xerror', '-i', file, '-f', 'null', '-']);
    expect([decoded.status, decoded.stderr.toString()]).toEqual([0, '']);
  }

  function assertContinuous(packets: readonly Packet[]): void {
    for (const kind of ['video', 'audio']) {
      let end: number | undefined;
      for (const { dts, duration } of packets.filter(({ codec_type }) => codec_type === kind)) {
        expect(dts).toBe(end ?? dts);
        end = duration && dts + duration;
      }
    }
  }

  test('a broadcast of H.264 and AAC: continuous decoding times, every frame, nothing to complain about', () => {
    const { units, chunks } = record(readFixture());
    const bytes = Buffer.concat(chunks);
    const { streams, packets } = probe(bytes);
    expect(streams.map(({ codec_name }) => codec_name)).toEqual(['h264', 'aac']);
    expect(streams[0]).toMatchObject({ width: 160, height: 120 });
    assertContinuous(packets);
    for (const kind of ['video', 'audio'] as const) {
      const sent = units.filter((unit) => unit.kind === kind);
      const read = packets.filter(({ codec_type }) => codec_type === kind);
      expect(read.length).toBe(sent.length);
      const ticksPerMs = kind === 'video' ? 90 : 44.1;
      for (const [index, { dtsMs, compositionMs, keyFrame }] of sent.entries()) {
        expect(Math.abs(read[index].dts / ticksPerMs - dtsMs)).toBeLessThan(2);
        expect(Math.abs(read[index].pts / ticksPerMs - dtsMs - compositionMs)).toBeLessThan(2);
        expect(read[index].flags.includes('K')).toBe(keyFrame);
      }
    }
    decode(bytes);
  });

  test('a recording that is cut off at any box opens with every fragment before', () => {
    const { chunks } = record(readFixture());
    const [init, ...fragments] = chunks;
    expect(fragments.length).toBeGreaterThan(2);
    for (let kept = 1; kept < fragments.length; kept++) {
      const whole = Buffer.concat([init, ...fragments.slice(0, kept)]);
      const expected = fragments.slice(0, kept).reduce((sum, bytes) => sum + samplesIn(init, bytes), 0);
      const [moof] = boxesOf(fragments[kept]);
      for (const cutBytes of [0, moof.bytes.length]) {
        const { packets, streams } = probe(Buffer.concat([whole, fragments[kept].subarray(0, cutBytes)]));
        expect(streams.length).toBe(2);
        expect(packets.length).toBeGreaterThanOrEqual(expected);
      }
    }
  });

  test('a recording that is cut off anywhere opens once its tail is taken off', () => {
    const { chunks } = record(readFixture());
    const file = Buffer.concat(chunks);
    let [end] = chunks.map((bytes) => bytes.length);
    for (const fragment of chunks.slice(1)) {
      for (const cutBytes of [4, 100, fragment.length - 1]) {
        expect(wholeBytesOf(file.subarray(0, end + cutBytes))).toBe(end);
      }
      end += fragment.length;
    }
    expect(wholeBytesOf(file)).toBe(file.length);
    const torn = file.subarray(0, file.length - 1);
    const lost = samplesIn(chunks[0], chunks.at(-1) ?? file);
    const { packets } = probe(torn.subarray(0, wholeBytesOf(torn)));
    expect(packets.length).toBe(probe(file).packets.length - lost);
  });

  test.each(cases)(
    '$name of enhanced RTMP',
    ({ name, kind, encoder, fourCc, codecs }) => {
      const source = kind === 'video' ? ['testsrc=s=192x108:r=25:d=0.6'] : ['sine=f=440:r=48000:d=0.6'];
      const file = join(folder, `${name}.mp4`);
      const codec =
        kind === 'video' ? ['-pix_fmt', 'yuv420p', '-c:v', ...encoder] : ['-ac', '2', '-c:a', ...encoder];
      const flags = ['-movflags', 'frag_keyframe+delay_moov+default_base_moof', '-threads', '1'];
      run(ffmpeg, ['-v', 'error', '-f', 'lavfi', '-i', ...source, ...codec, ...flags, '-y', file]);
      const made = run('cat', [file]);
      const { chunks, configs } = record(asEnhanced(made, kind, fourCc));
      const bytes = Buffer.concat(chunks);
      const { streams, packets } = probe(bytes);
      const described =
        kind === 'video' ? { width: 192, height: 108 } : { sample_rate: '48000', channels: 2 };
      expect(streams).toEqual([expect.objectContaining({ codec_name: name, ...described })]);
      expect(packets.length).toBe(probe(made).packets.length);
      assertContinuous(packets);
      expect(codecString(configs[0])).toMatch(codecs);
      decode(bytes);
    },
    60_000,
  );
});

function wholeBytesOf(file: Buffer): number {
  const index = new FragmentIndex(file.length);
  for (let read = index.wanted; read; read = index.wanted) {
    index.push(file.subarray(read.offset, read.offset + read.bytes));
  }
  return index.wholeBytes;
}

function samplesIn(init: Buffer, fragment: Buffer): number {
  return readFragment(fragment, readInitSegment(init)).runs.flatMap(({ samples }) => samples).length;
}

function run(command: string, args: readonly string[]): Buffer {
  return execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 * 1024 * 1024 });
}

function readFixture(): { read: FlvUnit[]; reader: FlvUnitReader } {
  const reader = new FlvUnitReader();
  return { reader, read: readFlvTags().map((tag) => reader.read(tag, tag.timestampMs)) };
}

function record({ read, reader }: { read: FlvUnit[]; reader: FlvUnitReader }) {
  const units = read.map(({ unit }) => unit).filter((unit): unit is AccessUnit => unit !== undefined);
  const recording = new Mp4Recording(reader.configs, { fragmentMsMax: 300, fragmentBytesMax: 1_000_000 });
  const written = [...units.map((unit) => recording.push(unit)), recording.end()];
  const fragments = written.filter((bytes) => bytes !== undefined);
  return { units, configs: reader.configs, chunks: [recording.initSegment, ...fragments] };
}

/** Takes a file of ffmpeg apart and sends it as tags of enhanced RTMP, with times rounded to ms. */
function asEnhanced(file: Buffer, kind: 'video' | 'audio', fourCc: string) {
  const reader = new FlvUnitReader();
  const [track] = readInitSegment(file);
  const name = Buffer.from(fourCc);
  const send = (head: number, data: Buffer, dtsMs: number): FlvUnit =>
    reader.read({ type: kind, payload: Buffer.concat([Buffer.from([head]), name, data]) }, dtsMs);
  const header = sequenceHeader(track.codecBoxes, fourCc);
  const read = header ? [send(0x90, header, 0)] : [];
  const boxes = [...boxesOf(file)];
  for (const [index, { type, bytes }] of boxes.entries()) {
    if (type !== 'moof') continue;
    const fragment = Buffer.concat([bytes, boxes[index + 1].bytes]);
    const [run] = readFragment(fragment, [track]).runs;
    let ticks = run.startTicks;
    for (const { offset, sizeBytes, durationTicks, compositionTicks, keyFrame } of run.samples) {
      const data = fragment.subarray(offset, offset + sizeBytes);
      const composition = Buffer.alloc(fourCc === 'hvc1' ? 3 : 0);
      const compositionMs = Math.round((compositionTicks * 1000) / track.timescale);
      if (composition.length > 0) composition.writeIntBE(compositionMs, 0, 3);
      const head = kind === 'audio' || keyFrame ? 0x91 : 0xa1;
      const dtsMs = Math.round((ticks * 1000) / track.timescale);
      read.push(send(head, Buffer.concat([composition, data]), dtsMs));
      ticks += durationTicks;
    }
  }
  return { read, reader };
}

/** Set-up in the form of enhanced RTMP, from the box of the codec. */
function sequenceHeader(boxes: ReadonlyMap<string, Buffer>, fourCc: string): Buffer | undefined {
  const record = boxes.get(
    { hvc1: 'hvcC', av01: 'av1C', vp09: 'vpcC', Opus: 'dOps', fLaC: 'dfLa' }[fourCc] ?? '',
  );
  if (record === undefined) return undefined;
  if (fourCc === 'fLaC') return Buffer.concat([Buffer.from('fLaC'), record.subarray(4)]);
  if (fourCc !== 'Opus') return record;
  const head = Buffer.concat([Buffer.from('OpusHead'), Buffer.from([1]), record.subarray(1)]);
  head.writeUInt16LE(record.readUInt16BE(2), 10);
  head.writeUInt32LE(record.readUInt32BE(4), 12);
  head.writeUInt16LE(record.readUInt16BE(8), 16);
  return head;
}
