import { boxesOf, FieldReader, findBox } from './box-reader.ts';
import { Mp4Error } from './errors.ts';

const SAMPLES_MAX = 65_536;
const TRACKS_MAX = 16;
const VIDEO_FIELDS_BYTES = 78;
const AUDIO_FIELDS_BYTES = 28;
const NON_SYNC = 0x00010000;

/** A track that an init segment describes. */
export interface InitTrack {
  trackId: number;
  timescale: number;
  kind: 'video' | 'audio' | 'other';
  /** Type of the sample entry, such as `avc1`; empty if there is none. */
  sampleEntry: string;
  /** Boxes of the codec within the sample entry, by type. */
  codecBoxes: Map<string, Buffer>;
  /** 0 for sound. */
  width: number;
  height: number;
  /** Defaults of `trex`. */
  durationTicks: number;
  sizeBytes: number;
  flags: number;
}

export interface FragmentSample {
  durationTicks: number;
  sizeBytes: number;
  compositionTicks: number;
  keyFrame: boolean;
  /** Position from the start of `moof`. */
  offset: number;
}

/** The samples of one track in a fragment. */
export interface FragmentRun {
  trackId: number;
  startTicks: number;
  samples: FragmentSample[];
}

/** What a `moof` says. */
export interface ReadFragment {
  sequence: number;
  runs: FragmentRun[];
}

/** Reads `moov` out of an init segment. Errors: `MP4_*`. */
export function readInitSegment(bytes: Buffer): InitTrack[] {
  const movie = findBox(bytes, 'moov');
  if (movie === undefined) throw new Mp4Error('MP4_BOX_INVALID', 'no moov');
  const defaults = readDefaults(movie);
  const tracks: InitTrack[] = [];
  for (const { type, body } of boxesOf(movie)) {
    if (type !== 'trak') continue;
    if (tracks.length >= TRACKS_MAX) throw new Mp4Error('MP4_TOO_MANY', 'tracks');
    tracks.push(readTrack(body, defaults));
  }
  return tracks;
}

type Defaults = Map<number, { durationTicks: number; sizeBytes: number; flags: number }>;

function readDefaults(movie: Buffer): Defaults {
  const defaults: Defaults = new Map();
  for (const { type, body } of boxesOf(findBox(movie, 'mvex') ?? Buffer.alloc(0))) {
    if (type !== 'trex') continue;
    const fields = new FieldReader(body).skip(4);
    const trackId = fields.uint32();
    fields.skip(4);
    defaults.set(trackId, {
      durationTicks: fields.uint32(),
      sizeBytes: fields.uint32(),
      flags: fields.uint32(),
    });
  }
  return defaults;
}

function readTrack(track: Buffer, defaults: Defaults): InitTrack {
  const header = required(track, 'tkhd');
  const trackId = new FieldReader(header).skip(header[0] === 1 ? 20 : 12).uint32();
  const mediaHeader = required(track, 'mdia', 'mdhd');
  const timescale = new FieldReader(mediaHeader).skip(mediaHeader[0] === 1 ? 20 : 12).uint32();
  if (timescale === 0) throw new Mp4Error('MP4_BOX_INVALID', 'time scale 0');
  const handler = new FieldReader(required(track, 'mdia', 'hdlr')).skip(8).rest().toString('latin1', 0, 4);
  const kind = handler === 'vide' ? 'video' : handler === 'soun' ? 'audio' : 'other';
  const entry = readSampleEntry(required(track, 'mdia', 'minf', 'stbl', 'stsd'), kind);
  const own = defaults.get(trackId) ?? { durationTicks: 0, sizeBytes: 0, flags: 0 };
  return { trackId, timescale, kind, ...entry, ...own };
}

function required(bytes: Buffer, ...path: string[]): Buffer {
  const body = findBox(bytes, ...path);
  if (body === undefined) throw new Mp4Error('MP4_BOX_INVALID', `no ${path.join('/')}`);
  return body;
}

function readSampleEntry(descriptions: Buffer, kind: InitTrack['kind']) {
  const entries = new FieldReader(descriptions).skip(8).rest();
  const codecBoxes = new Map<string, Buffer>();
  for (const { type, body } of boxesOf(entries)) {
    const size = kind === 'video' ? readVideoSize(body) : { width: 0, height: 0 };
    const fieldsBytes = kind === 'video' ? VIDEO_FIELDS_BYTES : AUDIO_FIELDS_BYTES;
    if (kind !== 'other') {
      const boxes = new FieldReader(body).skip(fieldsBytes).rest();
      for (const inner of boxesOf(boxes)) codecBoxes.set(inner.type, inner.body);
    }
    return { sampleEntry: type, codecBoxes, ...size };
  }
  return { sampleEntry: '', codecBoxes, width: 0, height: 0 };
}

function readVideoSize(entry: Buffer): { width: number; height: number } {
  const fields = new FieldReader(entry).skip(24);
  return { width: fields.uint16(), height: fields.uint16() };
}

/** Reads the `moof` at the start of `bytes`; `tracks` give the defaults of its samples. Errors: `MP4_*`. */
export function readFragment(bytes: Buffer, tracks: readonly InitTrack[]): ReadFragment {
  const moof = required(bytes, 'moof');
  const sequence = new FieldReader(required(moof, 'mfhd')).skip(4).uint32();
  const runs: FragmentRun[] = [];
  for (const { type, body } of boxesOf(moof)) {
    if (type !== 'traf') continue;
    if (runs.length >= TRACKS_MAX) throw new Mp4Error('MP4_TOO_MANY', 'track fragments');
    runs.push(readTrackFragment(body, tracks));
  }
  return { sequence, runs };
}

interface SampleDefaults {
  durationTicks: number;
  sizeBytes: number;
  flags: number;
}

function readTrackFragment(traf: Buffer, tracks: readonly InitTrack[]): FragmentRun {
  const head = new FieldReader(required(traf, 'tfhd'));
  const flags = head.skip(1).uint24();
  const trackId = head.uint32();
  const track = tracks.find((each) => each.trackId === trackId);
  const defaults: SampleDefaults = {
    durationTicks: track?.durationTicks ?? 0,
    sizeBytes: track?.sizeBytes ?? 0,
    flags: track?.flags ?? 0,
  };
  if (flags & 0x1) head.skip(8);
  if (flags & 0x2) head.skip(4);
  if (flags & 0x8) defaults.durationTicks = head.uint32();
  if (flags & 0x10) defaults.sizeBytes = head.uint32();
  if (flags & 0x20) defaults.flags = head.uint32();
  const time = new FieldReader(required(traf, 'tfdt'));
  const isLong = time.uint8() === 1;
  time.skip(3);
  const startTicks = isLong ? time.uint64() : time.uint32();
  const samples: FragmentSample[] = [];
  for (const { type, body } of boxesOf(traf)) if (type === 'trun') readRun(body, defaults, samples);
  return { trackId, startTicks, samples };
}

function readRun(run: Buffer, defaults: SampleDefaults, samples: FragmentSample[]): void {
  const fields = new FieldReader(run);
  const isSigned = fields.uint8() === 1;
  const flags = fields.uint24();
  const count = fields.uint32();
  // A run without fields of its own costs no bytes per sample, so the count is bounded by itself.
  if (samples.length + count > SAMPLES_MAX) throw new Mp4Error('MP4_TOO_MANY', 'samples');
  const last = samples.at(-1);
  let offset = flags & 0x1 ? fields.int32() : last === undefined ? 0 : last.offset + last.sizeBytes;
  const firstFlags = flags & 0x4 ? fields.uint32() : undefined;
  for (let index = 0; index < count; index++) {
    const durationTicks = flags & 0x100 ? fields.uint32() : defaults.durationTicks;
    const sizeBytes = flags & 0x200 ? fields.uint32() : defaults.sizeBytes;
    const own = flags & 0x400 ? fields.uint32() : index === 0 ? firstFlags : undefined;
    const composition = flags & 0x800 ? (isSigned ? fields.int32() : fields.uint32()) : 0;
    const keyFrame = ((own ?? defaults.flags) & NON_SYNC) === 0;
    samples.push({ durationTicks, sizeBytes, compositionTicks: composition, keyFrame, offset });
    offset += sizeBytes;
  }
}
