import { box, fullBox, uint16, uint32 } from './box.ts';
import { sampleEntry } from './sample-entry.ts';
import { timescaleOf, trackIdOf, type TrackConfig } from './track.ts';

const MOVIE_TIMESCALE = 1000;
const ONE = 0x00010000;
const UNITY_MATRIX = uint32(ONE, 0, 0, 0, ONE, 0, 0, 0, 0x40000000);
const FULL_VOLUME = 0x0100;
const TRACK_ENABLED_IN_MOVIE = 3;
const SELF_CONTAINED = 1;
const LANGUAGE_UNDETERMINED = 0x55c4;
const VIDEO_HEADER_FLAGS = 1;

/** Writes `ftyp` and `moov` of a fragmented file with at most one track of each kind (ISO/IEC 14496-12). */
export function encodeInitSegment(tracks: readonly TrackConfig[]): Buffer {
  if (tracks.length === 0) throw new RangeError('a file has at least one track');
  if (new Set(tracks.map(({ kind }) => kind)).size !== tracks.length) {
    throw new RangeError('a file has at most one track of each kind');
  }
  const fileType = box('ftyp', Buffer.from('iso6\0\0\0\0iso6cmfcmp41', 'latin1'));
  const extends_ = tracks.map((track) => fullBox('trex', {}, uint32(trackIdOf[track.kind], 1, 0, 0, 0)));
  const movie = box('moov', movieHeader(), ...tracks.map(trackBox), box('mvex', ...extends_));
  return Buffer.concat([fileType, movie]);
}

/** Brands in front of a media segment (ISO/IEC 14496-12, 8.16.2). */
export const segmentType: Buffer = box('styp', Buffer.from('msdh\0\0\0\0msdhmsixcmfs', 'latin1'));

function movieHeader(): Buffer {
  const nextTrackId = 1 + Math.max(...Object.values(trackIdOf));
  return fullBox(
    'mvhd',
    {},
    Buffer.concat([
      uint32(0, 0, MOVIE_TIMESCALE, 0, ONE),
      uint16(FULL_VOLUME, 0, 0, 0, 0, 0),
      UNITY_MATRIX,
      Buffer.alloc(24),
      uint32(nextTrackId),
    ]),
  );
}

function trackBox(track: TrackConfig): Buffer {
  return box('trak', trackHeader(track), mediaBox(track));
}

function trackHeader(track: TrackConfig): Buffer {
  const isVideo = track.kind === 'video';
  const size = isVideo ? [track.width * ONE, track.height * ONE] : [0, 0];
  return fullBox(
    'tkhd',
    { flags: TRACK_ENABLED_IN_MOVIE },
    Buffer.concat([
      uint32(0, 0, trackIdOf[track.kind], 0, 0, 0, 0),
      uint16(0, 0, isVideo ? 0 : FULL_VOLUME, 0),
      UNITY_MATRIX,
      uint32(...size),
    ]),
  );
}

function mediaBox(track: TrackConfig): Buffer {
  const header = Buffer.concat([uint32(0, 0, timescaleOf(track), 0), uint16(LANGUAGE_UNDETERMINED, 0)]);
  const isVideo = track.kind === 'video';
  const name = isVideo ? 'Video' : 'Sound';
  const handler = Buffer.from(`\0\0\0\0${isVideo ? 'vide' : 'soun'}${'\0'.repeat(12)}${name}\0`, 'latin1');
  const mediaHeader = isVideo
    ? fullBox('vmhd', { flags: VIDEO_HEADER_FLAGS }, Buffer.alloc(8))
    : fullBox('smhd', {}, Buffer.alloc(4));
  const reference = fullBox('dref', {}, uint32(1), fullBox('url ', { flags: SELF_CONTAINED }));
  return box(
    'mdia',
    fullBox('mdhd', {}, header),
    fullBox('hdlr', {}, handler),
    box('minf', mediaHeader, box('dinf', reference), sampleTable(track)),
  );
}

/** The sample table of a fragmented file describes the codec and holds no samples. */
function sampleTable(track: TrackConfig): Buffer {
  return box(
    'stbl',
    fullBox('stsd', {}, uint32(1), sampleEntry(track)),
    fullBox('stts', {}, uint32(0)),
    fullBox('stsc', {}, uint32(0)),
    fullBox('stsz', {}, uint32(0, 0)),
    fullBox('stco', {}, uint32(0)),
  );
}
