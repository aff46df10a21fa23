export { boxesOf, findBox, readBoxHeader, type Box, type BoxHeader } from './box-reader.ts';
export { codecString } from './codec-string.ts';
export { Mp4Error, mp4Errors, type Mp4ErrorCode } from './errors.ts';
export { codecInFlv, type FlvCodec } from './flv-codec.ts';
export { FlvUnitReader, packetSamplesOf, type FlvUnit } from './flv-units.ts';
export { encodeFragment, type Fragment, type FragmentTrack, type ProducerTime } from './fragment.ts';
export {
  readFragment,
  readInitSegment,
  type FragmentRun,
  type FragmentSample,
  type InitTrack,
  type ReadFragment,
} from './fragment-reader.ts';
export { FragmentWriter, type CutOptions } from './fragment-writer.ts';
export { FragmentIndex, type FragmentEntry } from './fragment-index.ts';
export { encodeInitSegment, segmentType } from './init-segment.ts';
export { Mp4Recording, recordingLimits, type RecordingLimits } from './recording.ts';
export { AudioGrid, SampleClock } from './sample-clock.ts';
export {
  timescaleOf,
  trackIdOf,
  videoTimescale,
  type AccessUnit,
  type AudioConfig,
  type Sample,
  type TrackConfig,
  type VideoConfig,
} from './track.ts';
