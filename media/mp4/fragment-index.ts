import { readBoxHeader } from './box-reader.ts';
import { Mp4Error } from './errors.ts';
import { readFragment, readInitSegment, type FragmentRun, type InitTrack } from './fragment-reader.ts';

/** Boxes that are read whole: no `moov` or `moof` of ours comes near it. */
const BOX_BYTES_MAX = 4 * 1024 * 1024;
/** Fragments of one file: two days of two-second groups. */
const FRAGMENTS_MAX = 100_000;

/** Where a fragment lies in its file and in time. */
export interface FragmentEntry {
  offset: number;
  /** `moof` and `mdat`. */
  sizeBytes: number;
  startMs: number;
  /** Of its longest track. */
  durationMs: number;
  /** True if decoding can begin here. */
  keyFrame: boolean;
}

/** What the index wants to read next. */
export interface IndexRead {
  offset: number;
  bytes: number;
}

/**
 * The fragments of a recording, found by the headers of its boxes and its `moof`s alone, as far as the file has
 * come: what is not whole is not in it, and a file that grows is read on. Hand the bytes of `wanted` to `push`
 * until that is undefined, and call `grow` when the file is longer.
 */
export class FragmentIndex {
  readonly entries: FragmentEntry[] = [];
  /** Set-up of the tracks; empty before `moov`. */
  tracks: InitTrack[] = [];
  /** Bytes of the init segment; 0 before it is whole. */
  initBytes = 0;
  #fileBytes: number;
  #offset = 0;
  /** Size of the box at `#offset` whose body is wanted. */
  #bodyBytes = 0;
  #moof: { offset: number; runs: FragmentRun[] } | undefined;
  #isAtEnd = false;

  constructor(fileBytes: number) {
    this.#fileBytes = fileBytes;
  }

  /** Length of the file up to its last whole fragment. */
  get wholeBytes(): number {
    const last = this.entries.at(-1);
    return last ? last.offset + last.sizeBytes : this.initBytes;
  }

  get durationMs(): number {
    const last = this.entries.at(-1);
    return last ? last.startMs + last.durationMs - this.entries[0].startMs : 0;
  }

  get wanted(): IndexRead | undefined {
    if (this.#isAtEnd || this.#offset >= this.#fileBytes) return undefined;
    const bytes = this.#bodyBytes || 32;
    return { offset: this.#offset, bytes: Math.min(bytes, this.#fileBytes - this.#offset) };
  }

  /** The file has at least so many bytes by now. */
  grow(fileBytes: number): void {
    this.#fileBytes = Math.max(this.#fileBytes, fileBytes);
    this.#isAtEnd = false;
  }

  /** Takes what `wanted` asked for. Errors: `MP4_*`. */
  push(bytes: Buffer): void {
    if (this.#bodyBytes > 0) return this.#readBody(bytes);
    const box = readBoxHeader(bytes);
    const sizeBytes = box?.sizeBytes;
    if (box === undefined || sizeBytes === undefined || this.#offset + sizeBytes > this.#fileBytes) {
      this.#isAtEnd = true;
    } else if (box.type === 'moov' || box.type === 'moof') {
      if (sizeBytes > BOX_BYTES_MAX) throw new Mp4Error('MP4_TOO_MANY', `bytes of ${box.type}`);
      this.#bodyBytes = sizeBytes;
    } else {
      if (box.type === 'mdat') this.#endFragment(this.#offset + sizeBytes);
      this.#offset += sizeBytes;
    }
  }

  #readBody(bytes: Buffer): void {
    if (bytes.length < this.#bodyBytes) throw new Mp4Error('MP4_TRUNCATED', 'box of an index');
    if (bytes.toString('latin1', 4, 8) === 'moov') {
      this.tracks = readInitSegment(bytes);
      this.initBytes = this.#offset + this.#bodyBytes;
    } else {
      this.#moof = { offset: this.#offset, runs: readFragment(bytes, this.tracks).runs };
    }
    this.#offset += this.#bodyBytes;
    this.#bodyBytes = 0;
  }

  #endFragment(endOffset: number): void {
    if (this.#moof === undefined) return;
    const { offset, runs } = this.#moof;
    this.#moof = undefined;
    if (this.entries.length >= FRAGMENTS_MAX) throw new Mp4Error('MP4_TOO_MANY', 'fragments');
    const times = runs.flatMap((run) => this.#timesOf(run));
    if (times.length === 0) return;
    const startMs = Math.min(...times.map((time) => time.startMs));
    const endMs = Math.max(...times.map((time) => time.endMs));
    const keyFrame = times.find(({ isVideo }) => isVideo)?.keyFrame ?? times[0].keyFrame;
    this.entries.push({
      offset,
      sizeBytes: endOffset - offset,
      startMs,
      durationMs: endMs - startMs,
      keyFrame: keyFrame && this.#hasPicture(times),
    });
  }

  /** Sound alone is no place to begin in a file with pictures. */
  #hasPicture(times: readonly { isVideo: boolean }[]): boolean {
    return times.some(({ isVideo }) => isVideo) || this.tracks.every(({ kind }) => kind !== 'video');
  }

  #timesOf({ trackId, startTicks, samples }: FragmentRun) {
    const track = this.tracks.find((each) => each.trackId === trackId);
    const [first] = samples;
    if (track === undefined || first === undefined) return [];
    const ticks = samples.reduce((sum, { durationTicks }) => sum + durationTicks, 0);
    const toMs = (value: number): number => (value * 1000) / track.timescale;
    return [
      {
        isVideo: track.kind === 'video',
        keyFrame: first.keyFrame,
        startMs: toMs(startTicks),
        endMs: toMs(startTicks + ticks),
      },
    ];
  }
}
