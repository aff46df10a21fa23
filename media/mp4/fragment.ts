import { box, boxHeader, bytesOf, fullBox, uint32, uint64 } from './box.ts';
import { trackIdOf, type Sample } from './track.ts';

/** Flags of a sample (ISO/IEC 14496-12, 8.8.3.1). */
export const sampleFlags = { sync: 0x02000000, nonSync: 0x01010000 } as const;

const tfhd = { defaultDuration: 0x8, defaultFlags: 0x20, baseIsMoof: 0x020000 } as const;
const trun = { dataOffset: 0x1, duration: 0x100, size: 0x200, flags: 0x400, composition: 0x800 } as const;
const BOX_HEADER_BYTES = 8;
const FRAGMENT_BYTES_MAX = 2 ** 31;
/** Seconds from 1900, where NTP counts from, to 1970. */
const NTP_EPOCH_SECONDS = 2_208_988_800;

/** The samples of one track in a fragment, in decoding order, at least one. */
export interface FragmentTrack {
  kind: 'video' | 'audio';
  samples: readonly Sample[];
}

/** Wall clock of the producer at the first sample of a track, for `prft`. */
export interface ProducerTime {
  kind: 'video' | 'audio';
  /** Unix time in ms. */
  wallMs: number;
  mediaTicks: number;
}

export interface Fragment {
  /** Sequence number in `mfhd`, rising from one fragment to the next. */
  sequence: number;
  tracks: readonly FragmentTrack[];
  producerTime?: ProducerTime;
}

/** Writes `prft` if asked for, `moof` and `mdat` in one Buffer (ISO/IEC 14496-12, 8.8). */
export function encodeFragment(fragment: Fragment): Buffer {
  const tracks = fragment.tracks.filter(({ samples }) => samples.length > 0);
  const payloads = tracks.map(({ samples }) => samples.map(({ payload }) => payload));
  const payloadBytes = payloads.map(bytesOf);
  const bytes = payloadBytes.reduce((sum, each) => sum + each, 0);
  if (bytes > FRAGMENT_BYTES_MAX) throw new RangeError('a fragment is limited to 2 GiB');
  // Data offsets count from the start of moof, so its size is found with a first pass.
  const moofBytes = movieFragment(fragment.sequence, tracks, () => 0).length;
  const firstOffset = moofBytes + BOX_HEADER_BYTES;
  const offsetOf = (index: number): number =>
    payloadBytes.slice(0, index).reduce((sum, each) => sum + each, firstOffset);
  const moof = movieFragment(fragment.sequence, tracks, offsetOf);
  const producer = fragment.producerTime ? [producerReferenceTime(fragment.producerTime)] : [];
  return Buffer.concat([...producer, moof, boxHeader('mdat', bytes), ...payloads.flat()]);
}

function movieFragment(
  sequence: number,
  tracks: readonly FragmentTrack[],
  offsetOf: (index: number) => number,
): Buffer {
  const trafs = tracks.map((track, index) => trackFragment(track, offsetOf(index)));
  return box('moof', fullBox('mfhd', {}, uint32(sequence % 2 ** 32)), ...trafs);
}

function trackFragment({ kind, samples }: FragmentTrack, dataOffset: number): Buffer {
  const [first] = samples;
  const isUniform = samples.every(({ durationTicks }) => durationTicks === first.durationTicks);
  const headFlags = tfhd.baseIsMoof | tfhd.defaultFlags | (isUniform ? tfhd.defaultDuration : 0);
  const defaults = [...(isUniform ? [first.durationTicks] : []), sampleFlags.sync];
  return box(
    'traf',
    fullBox('tfhd', { flags: headFlags }, uint32(trackIdOf[kind], ...defaults)),
    fullBox('tfdt', { version: 1 }, uint64(first.startTicks)),
    trackRun({ kind, samples }, dataOffset, isUniform),
  );
}

function trackRun({ kind, samples }: FragmentTrack, dataOffset: number, isUniform: boolean): Buffer {
  const isVideo = kind === 'video';
  const flags =
    trun.dataOffset |
    trun.size |
    (isUniform ? 0 : trun.duration) |
    (isVideo ? trun.flags | trun.composition : 0);
  const entryBytes = 4 + (isUniform ? 0 : 4) + (isVideo ? 8 : 0);
  const body = Buffer.allocUnsafe(8 + samples.length * entryBytes);
  let offset = body.writeUInt32BE(samples.length, 0);
  offset = body.writeUInt32BE(dataOffset, offset);
  for (const sample of samples) {
    if (!isUniform) offset = body.writeUInt32BE(sample.durationTicks, offset);
    offset = body.writeUInt32BE(sample.payload.length, offset);
    if (!isVideo) continue;
    offset = body.writeUInt32BE(sample.keyFrame ? sampleFlags.sync : sampleFlags.nonSync, offset);
    offset = body.writeInt32BE(sample.compositionTicks, offset);
  }
  return fullBox('trun', { version: 1, flags }, body);
}

/** ISO/IEC 14496-12, 8.16.5. */
function producerReferenceTime({ kind, wallMs, mediaTicks }: ProducerTime): Buffer {
  const seconds = Math.floor(wallMs / 1000) + NTP_EPOCH_SECONDS;
  const fraction = Math.floor(((wallMs % 1000) / 1000) * 2 ** 32);
  const ntp = uint32(seconds % 2 ** 32, fraction);
  return fullBox('prft', { version: 1 }, uint32(trackIdOf[kind]), ntp, uint64(mediaTicks));
}
