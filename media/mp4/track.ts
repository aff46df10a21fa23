/** Set-up of a video track. */
export interface VideoConfig {
  kind: 'video';
  codec: 'h264' | 'hevc' | 'av1' | 'vp9';
  /** Body of `avcC`, `hvcC`, `av1C`, or of `vpcC` behind its version and flags. */
  record: Buffer;
  width: number;
  height: number;
}

/** Set-up of an audio track. */
export interface AudioConfig {
  kind: 'audio';
  codec: 'aac' | 'opus' | 'flac' | 'ac3' | 'eac3';
  /** AudioSpecificConfig; body of `dOps`, `dac3` or `dec3`; for FLAC the metadata blocks of `dfLa`. */
  record: Buffer;
  /** Rate of the sample grid in Hz, which is the time scale of the track. */
  samplingRateHz: number;
  channels: number;
}

export type TrackConfig = VideoConfig | AudioConfig;

/** Ticks per second of a video track: milliseconds are whole numbers of ticks. */
export const videoTimescale = 90_000;

/** Ticks per second of a track. */
export function timescaleOf(config: TrackConfig): number {
  return config.kind === 'video' ? videoTimescale : config.samplingRateHz;
}

/** Track ids: video is 1 and audio is 2 in all files, so that a fragment needs no look at its init segment. */
export const trackIdOf = { video: 1, audio: 2 } as const;

/** One coded picture, or one packet of sound, as it comes out of the ingest. */
export interface AccessUnit {
  kind: 'video' | 'audio';
  /** Decoding time on the corrected clock of the stream, whole ms. */
  dtsMs: number;
  /** Presentation minus decoding time, whole ms, may be negative. */
  compositionMs: number;
  /** True if decoding can begin here; always true for sound. */
  keyFrame: boolean;
  /** In the form that MP4 stores: NAL units with lengths, raw AAC frames. */
  payload: Buffer;
}

/** An access unit with its exact place in a track. */
export interface Sample {
  kind: 'video' | 'audio';
  startTicks: number;
  durationTicks: number;
  compositionTicks: number;
  keyFrame: boolean;
  payload: Buffer;
}
