export { renderVodPlaylist, type VodPart, type VodSegment } from './vod-playlist.ts';
export {
  fileName,
  parseFileName,
  resolveFile,
  type FileAnswer,
  type HlsContainer,
  type HlsFile,
} from './file-names.ts';
export { renderMediaPlaylist, type PlaylistOptions, type RenditionReport } from './media-playlist.ts';
export { HlsMemory } from './memory.ts';
export {
  renderMultivariantPlaylist,
  type AudioRendition,
  type Multivariant,
  type Variant,
} from './multivariant-playlist.ts';
export { HlsMuxer, hlsDefaults, type HlsEvent, type HlsEvents, type HlsOptions } from './muxer.ts';
export {
  parseReload,
  reloadTimeLimitMs,
  resolveReload,
  type ReloadAnswer,
  type ReloadRequest,
} from './reload.ts';
export { isPackable } from './packager.ts';
export { partTargetFor, Segmenter, type Cut, type LeadSample, type SegmenterOptions } from './segmenter.ts';
export {
  isPlayable,
  mediaSequenceOf,
  type HlsPart,
  type HlsSegment,
  type HlsState,
  type RemovedSegment,
} from './state.ts';
export { HlsTimeline, initialState, type NewPart, type TimelineOptions } from './timeline.ts';
export { WallClock } from './wall-clock.ts';
