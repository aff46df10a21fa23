import { readFragment, readInitSegment, type InitTrack } from '@gala/media/mp4';
import type { ParsedSegment } from '../../media/hls/parsed-playlist.ts';

/** Looks into the bytes of segments in their order; answers what is wrong with them. */
export interface SegmentInspector {
  init(bytes: Buffer): void;
  part(bytes: Buffer, part: { readonly duration: number; readonly independent: boolean }): string[];
  segment(bytes: Buffer, segment: Pick<ParsedSegment, 'duration' | 'discontinuity'>): string[];
}

/** Durations are written with five decimals, and come from times in whole milliseconds. */
const roundingSeconds = 0.002;

/** Decoding times that go on from fragment to fragment on each track; parts that last and begin as is said. */
export class FragmentInspector implements SegmentInspector {
  #tracks: InitTrack[] = [];
  readonly #endTicks = new Map<number, number>();
  /** Samples of key frames that were seen. */
  keyFrames = 0;

  init(bytes: Buffer): void {
    this.#tracks = readInitSegment(bytes);
  }

  part(bytes: Buffer, { duration, independent }: { duration: number; independent: boolean }): string[] {
    const lead = this.#leadOf(bytes);
    const issues: string[] = [];
    const hasKeyFrame = lead?.samples.some(({ keyFrame }) => keyFrame) === true;
    if (lead?.kind === 'video' && hasKeyFrame !== independent) issues.push(`INDEPENDENT is ${independent}`);
    const seconds = lead?.seconds ?? 0;
    if (lead?.kind === 'video' && Math.abs(seconds - duration) > roundingSeconds) {
      issues.push(`a part of ${duration} s has pictures for ${seconds} s`);
    }
    return issues;
  }

  segment(
    bytes: Buffer,
    { duration, discontinuity }: { duration: number; discontinuity: boolean },
  ): string[] {
    const issues: string[] = [];
    const [first, ...others] = fragmentsOf(bytes);
    let seconds = 0;
    for (const fragment of [first, ...others]) {
      issues.push(...this.#continuity(fragment, discontinuity && fragment === first));
      seconds += this.#leadOf(fragment)?.seconds ?? 0;
    }
    const lead = this.#leadOf(first);
    if (lead?.samples[0]?.keyFrame !== true) issues.push('a segment does not begin with a key frame');
    const allowed = lead?.kind === 'video' ? roundingSeconds : 0.05;
    if (Math.abs(seconds - duration) > allowed) issues.push(`EXTINF ${duration}, samples for ${seconds} s`);
    return issues;
  }

  #continuity(fragment: Buffer, isNew: boolean): string[] {
    const issues: string[] = [];
    for (const { trackId, startTicks, samples } of readFragment(fragment, this.#tracks).runs) {
      const expected = this.#endTicks.get(trackId);
      const isOff = isNew
        ? startTicks < (expected ?? 0) - this.#ticks(trackId, 0.5)
        : startTicks !== expected;
      if (expected !== undefined && isOff) issues.push(`track ${trackId}: ${startTicks}, not ${expected}`);
      const ticks = samples.reduce((sum, { durationTicks }) => sum + durationTicks, 0);
      this.#endTicks.set(trackId, startTicks + ticks);
    }
    return issues;
  }

  #ticks(trackId: number, seconds: number): number {
    return (this.#tracks.find((track) => track.trackId === trackId)?.timescale ?? 0) * seconds;
  }

  /** Pictures, or the sound where there are none. */
  #leadOf(fragment: Buffer) {
    const [track] = this.#tracks.toSorted((a, b) => b.kind.localeCompare(a.kind));
    const run = readFragment(fragment, this.#tracks).runs.find(({ trackId }) => trackId === track.trackId);
    if (!run) return undefined;
    const ticks = run.samples.reduce((sum, { durationTicks }) => sum + durationTicks, 0);
    return { kind: track.kind, samples: run.samples, seconds: ticks / track.timescale };
  }
}

/** The fragments of a segment, each from its `moof` on. */
function fragmentsOf(bytes: Buffer): Buffer[] {
  const starts: number[] = [];
  for (let offset = 0; offset < bytes.length; offset += bytes.readUInt32BE(offset)) {
    if (bytes.toString('latin1', offset + 4, offset + 8) === 'moof') starts.push(offset);
  }
  return starts.map((start, index) => bytes.subarray(start, starts[index + 1]));
}

const packetBytes = 188;
const wrapTicks = 2 ** 33;
const ticksPerSecond = 90_000;

/** Packets whose counters go on, tables first, and presentation times that the durations agree with. */
export class TransportInspector implements SegmentInspector {
  readonly #counters = new Map<number, number>();
  #nextTicks: number | undefined;

  init(): void {
    throw new Error('MPEG-TS has no init segment');
  }

  part(): string[] {
    return ['MPEG-TS has no parts'];
  }

  segment(
    bytes: Buffer,
    { duration, discontinuity }: { duration: number; discontinuity: boolean },
  ): string[] {
    const issues: string[] = [];
    if (bytes.length % packetBytes !== 0) issues.push('a packet that is cut off');
    const pids: number[] = [];
    let firstTicks: number | undefined;
    for (let start = 0; start < bytes.length; start += packetBytes) {
      const packet = bytes.subarray(start, start + packetBytes);
      if (packet[0] !== 0x47) issues.push('a packet without its sync byte');
      const pid = packet.readUInt16BE(1) & 0x1fff;
      pids.push(pid);
      if (!discontinuity) issues.push(...this.#count(pid, packet[3] & 15));
      else this.#counters.set(pid, packet[3] & 15);
      firstTicks ??= ptsOf(packet);
    }
    if (pids[0] !== 0) issues.push('a segment does not begin with the PAT');
    const offTicks = firstTicks === undefined ? 0 : distance(firstTicks, this.#nextTicks ?? firstTicks);
    if (!discontinuity && Math.abs(offTicks) > 0.05 * ticksPerSecond)
      issues.push(`PTS is off by ${offTicks}`);
    this.#nextTicks = ((firstTicks ?? 0) + Math.round(duration * ticksPerSecond)) % wrapTicks;
    return issues;
  }

  #count(pid: number, counter: number): string[] {
    const before = this.#counters.get(pid);
    this.#counters.set(pid, counter);
    const isNext = before === undefined || counter === ((before + 1) & 15);
    return isNext ? [] : [`counter of ${pid} is ${counter} behind ${before}`];
  }
}

/** PTS of the PES packet that begins in a transport packet, if one does. */
function ptsOf(packet: Buffer): number | undefined {
  const start = (packet[3] & 0x20) !== 0 ? 5 + packet[4] : 4;
  const pes = packet.subarray(start);
  const isPes = (packet[1] & 0x40) !== 0 && pes.readUIntBE(0, 3) === 1;
  if (!isPes) return undefined;
  return (
    ((pes[9] >>> 1) & 7) * 2 ** 30 + (pes.readUInt16BE(10) >>> 1) * 2 ** 15 + (pes.readUInt16BE(12) >>> 1)
  );
}

/** On the circle of 33 bits. */
function distance(a: number, b: number): number {
  const ticks = (((a - b) % wrapTicks) + wrapTicks) % wrapTicks;
  return ticks > wrapTicks / 2 ? ticks - wrapTicks : ticks;
}
