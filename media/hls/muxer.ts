import { MediaError } from '../error/index.ts';
import {
  Mp4Error,
  packetSamplesOf,
  SampleClock,
  timescaleOf,
  type AccessUnit,
  type Sample,
  type TrackConfig,
} from '../mp4/index.ts';
import { initIdsInUse, type HlsContainer } from './file-names.ts';
import { createPackager, isPackable, type Packager } from './packager.ts';
import { partTargetFor, Segmenter, type LeadSample } from './segmenter.ts';
import type { HlsState } from './state.ts';
import { HlsTimeline } from './timeline.ts';
import { WallClock } from './wall-clock.ts';

export interface HlsOptions {
  readonly container: HlsContainer;
  /** Segments come near to this as key frames allow. */
  readonly segmentMs: number;
  /** Longest part; 0 for a playlist without parts. */
  readonly partMs: number;
  /** How far the playlist reaches back. */
  readonly windowMs: number;
  /** And how many bytes it may list, if that is less; three target durations are listed all the same. */
  readonly windowBytesMax: number;
  /** A segment without a next key frame ends after this time. */
  readonly segmentMsMax: number;
  /** And a part with so many bytes, whatever its time. */
  readonly partBytesMax: number;
  /** After so much sound without a picture, sound goes on alone. */
  readonly videoStallMs: number;
  /** After such a step of time over all tracks an epoch begins: no part can span it. */
  readonly gapMsMax: number;
}

export const hlsDefaults: HlsOptions = {
  container: 'fmp4',
  segmentMs: 2000,
  partMs: 500,
  windowMs: 30_000,
  windowBytesMax: 64 * 1024 * 1024,
  segmentMsMax: 20_000,
  partBytesMax: 32 * 1024 * 1024,
  videoStallMs: 1000,
  gapMsMax: 2000,
};

/** What has become of the files of a rendition. */
export type HlsEvent =
  | { readonly type: 'init'; readonly initId: number; readonly bytes: Buffer }
  | { readonly type: 'part'; readonly sequence: number; readonly bytes: Buffer }
  /** The segment is complete: the bytes of its parts, one behind the other. */
  | { readonly type: 'segment'; readonly sequence: number }
  /** No player may ask for these any more. */
  | { readonly type: 'expired'; readonly sequences: readonly number[]; readonly initIds: readonly number[] };

/** What one call has brought about, in order. */
export type HlsEvents = readonly HlsEvent[];

/**
 * Makes one HLS rendition out of access units: samples with exact times, cut into parts and segments, listed by a
 * timeline. It holds the bytes of the open part only; all finished bytes leave as events. No clock of its own:
 * `nowMs` is Unix time.
 */
export class HlsMuxer {
  readonly #options: HlsOptions;
  readonly #timeline: HlsTimeline;
  readonly #wall = new WallClock();
  #tracks: readonly TrackConfig[] = [];
  #clocks = new Map<string, SampleClock>();
  #packager: Packager | undefined;
  #segmenter: Segmenter | undefined;
  #events: HlsEvent[] = [];
  #initIds = new Set<number>();
  /** Time of the key frame that the epoch begins with. */
  #beginMs: number | undefined;
  #videoAtMs = 0;
  #lastDtsMs = 0;
  #isVideoStalled = false;
  #partStartMs: number | undefined;
  #partHasKey = false;
  #keyFrameFirst: boolean | undefined;
  #forcedCuts = 0;
  /** Units before the first key frame of an epoch, and of tracks that the container cannot carry. */
  unitsLeftOut = 0;
  /** Units that cannot be packed. */
  unitsDamaged = 0;
  /** Epochs that a gap made. */
  gaps = 0;
  /** Times sound went on without pictures. */
  videoStalls = 0;

  /** @param state what an earlier muxer of this rendition had, if its numbers are to be continued */
  constructor(options: Partial<HlsOptions> = {}, state?: HlsState) {
    this.#options = { ...hlsDefaults, ...options };
    this.#timeline = state ? HlsTimeline.resume(this.#options, state) : new HlsTimeline(this.#options);
  }

  get state(): HlsState {
    return this.#timeline.state;
  }

  /** Payload that waits to become a part. */
  get heldBytes(): number {
    return this.#packager?.heldBytes ?? 0;
  }

  /** Another bound for the bytes that the playlist lists; it is kept from the next segment on. */
  set windowBytesMax(bytes: number) {
    this.#timeline.windowBytesMax = bytes;
  }

  /** Counters for metrics. */
  get counts() {
    let audioResyncs = 0;
    for (const clock of this.#clocks.values()) audioResyncs += clock.resyncs;
    return {
      forcedCuts: this.#forcedCuts + (this.#segmenter?.forcedCuts ?? 0),
      targetGrowths: this.#timeline.targetGrowths,
      wallJumps: this.#wall.jumps,
      videoStalls: this.videoStalls,
      gaps: this.gaps,
      unitsLeftOut: this.unitsLeftOut,
      unitsDamaged: this.unitsDamaged,
      audioResyncs,
    };
  }

  /**
   * Begins an epoch: the set-up changed, or another publisher speaks, so that players must reset their decoders.
   * What was open is finished. Errors: those of the set-up in `tracks`.
   */
  begin(tracks: readonly TrackConfig[], nowMs: number): HlsEvents {
    this.#startEpoch(tracks, nowMs);
    return this.#takeEvents();
  }

  /** Takes an access unit; one that cannot be packed is left out and counted. */
  push(unit: AccessUnit, nowMs: number): HlsEvents {
    const isGap = this.#beginMs !== undefined && unit.dtsMs - this.#lastDtsMs > this.#options.gapMsMax;
    if (isGap) {
      this.gaps += 1;
      this.#startEpoch(this.#tracks, nowMs);
    }
    const clock = this.#clocks.get(unit.kind);
    if (clock === undefined || !this.#admits(unit)) {
      this.unitsLeftOut += 1;
      return this.#takeEvents();
    }
    this.#lastDtsMs = Math.max(this.#lastDtsMs, unit.dtsMs);
    this.#wall.observe(unit.dtsMs, nowMs);
    const sample = this.#tolerate(() => clock.push(unit));
    if (unit.kind === 'video') {
      this.#videoAtMs = nowMs;
      if (sample) this.#isVideoStalled = false;
    }
    if (sample) this.#take(sample, nowMs);
    if (unit.kind === 'audio') this.#watchVideo(unit.dtsMs, nowMs);
    return this.#takeEvents();
  }

  /** Lets go of what has expired; to be called now and then while nothing is pushed. */
  expire(nowMs: number): HlsEvents {
    this.#expire(nowMs);
    return this.#takeEvents();
  }

  #startEpoch(tracks: readonly TrackConfig[], nowMs: number): void {
    this.#finishEpoch(nowMs);
    const isFirst = this.#tracks.length === 0 && this.state.nextPart === 0;
    this.#tracks = tracks.filter((track) => isPackable(track, this.#options.container));
    if (this.#tracks.length === 0) return;
    this.#packager = createPackager(this.#tracks, this.#options.container);
    this.#clocks = new Map(
      this.#tracks.map((track) => [track.kind, new SampleClock(track, packetSamplesOf(track))]),
    );
    const initId = isFirst ? this.state.initId : this.#timeline.discontinue(nowMs);
    if (this.#packager.initSegment.length > 0) {
      this.#events.push({ type: 'init', initId, bytes: this.#packager.initSegment });
    }
    this.#initIds.add(initId);
  }

  #expire(nowMs: number): void {
    const sequences = this.#timeline.expire(nowMs).map(({ sequence }) => sequence);
    const used = initIdsInUse(this.state);
    const initIds = [...this.#initIds].filter((initId) => !used.has(initId));
    for (const initId of initIds) this.#initIds.delete(initId);
    if (sequences.length > 0 || initIds.length > 0)
      this.#events.push({ type: 'expired', sequences, initIds });
  }

  /** The stream is over. */
  end(nowMs: number): HlsEvents {
    this.#finishEpoch(nowMs);
    this.#timeline.end(nowMs);
    return this.#takeEvents();
  }

  /** An epoch begins with a key frame of the track that leads; sound from before it is left out. */
  #admits({ kind, dtsMs, keyFrame }: AccessUnit): boolean {
    if (this.#beginMs === undefined && kind === this.#leadKind && keyFrame) {
      this.#beginMs = dtsMs;
      this.#lastDtsMs = dtsMs;
    }
    return this.#beginMs !== undefined && dtsMs >= this.#beginMs;
  }

  #pack(sample: Sample): void {
    this.#tolerate(() => this.#packager?.add(sample));
  }

  /** Units come from outside: what is malformed is counted and does no harm. */
  #tolerate<Result>(work: () => Result): Result | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof MediaError) && !(error instanceof Mp4Error)) throw error;
      this.unitsDamaged += 1;
      return undefined;
    }
  }

  get #leadKind(): 'video' | 'audio' {
    const hasVideo = this.#tracks.some(({ kind }) => kind === 'video');
    return hasVideo && !this.#isVideoStalled ? 'video' : 'audio';
  }

  #take(sample: Sample, nowMs: number): void {
    if (sample.kind !== 'video' && sample.kind !== this.#leadKind) {
      this.#pack(sample);
      return;
    }
    const lead = this.#leadSample(sample);
    const segmenter = this.#segmenterFor(lead);
    const { endMs } = segmenter;
    const cut = segmenter.before(lead);
    if (cut !== 'none') this.#cutPart(endMs);
    if (cut === 'segment') this.#endSegment(nowMs);
    this.#partStartMs ??= lead.startMs;
    this.#pack(sample);
    this.#keyFrameFirst ??= lead.keyFrame;
    this.#partHasKey ||= lead.keyFrame;
    const isTooLarge = this.heldBytes > this.#options.partBytesMax;
    for (let end = segmenter.nextPartEnd(lead, isTooLarge); end !== undefined;) {
      this.#cutPart(end);
      if (lead.isFree && segmenter.endsSegmentAt(end)) this.#endSegment(nowMs);
      end = segmenter.nextPartEnd(lead, false);
    }
  }

  #leadSample(sample: Sample): LeadSample {
    const track = this.#tracks.find(({ kind }) => kind === sample.kind)!;
    const msPerTick = 1000 / timescaleOf(track);
    return {
      startMs: sample.startTicks * msPerTick,
      endMs: (sample.startTicks + sample.durationTicks) * msPerTick,
      keyFrame: sample.keyFrame && (sample.kind === 'video' || !this.#isVideoStalled),
      isFree: this.#isVideoStalled,
    };
  }

  #segmenterFor(first: LeadSample): Segmenter {
    if (this.#segmenter) return this.#segmenter;
    const { segmentMs, segmentMsMax, partMs } = this.#options;
    const dividesSamples = this.#tracks.length > 1;
    const frameMs = first.endMs - first.startMs;
    this.#timeline.setPartTarget(dividesSamples ? partMs : partTargetFor(partMs, frameMs));
    const { partTargetMs, targetDurationSeconds } = this.state;
    const targetMs = targetDurationSeconds * 1000;
    this.#segmenter = new Segmenter({ segmentMs, targetMs, segmentMsMax, partTargetMs, dividesSamples });
    return this.#segmenter;
  }

  /** Ends the open part at a time of the stream, with what starts before; without anything in it, it goes on. */
  #cutPart(endMs: number, beforeMs = endMs): void {
    const startMs = this.#partStartMs;
    if (startMs === undefined || endMs <= startMs) return;
    const isSegmentStart = this.state.open === undefined;
    const bytes = this.#packager?.cut({ beforeSeconds: beforeMs / 1000, isSegmentStart });
    if (bytes === undefined) return;
    this.#timeline.addPart({
      durationMs: endMs - startMs,
      independent: this.#partHasKey,
      keyFrameFirst: this.#keyFrameFirst === true,
      sizeBytes: bytes.length,
      wallMs: isSegmentStart ? this.#wall.at(startMs) : 0,
    });
    this.#partStartMs = endMs;
    this.#partHasKey = false;
    this.#keyFrameFirst = undefined;
    this.#events.push({ type: 'part', sequence: this.state.open!.sequence, bytes });
  }

  #endSegment(nowMs: number): void {
    const segment = this.#timeline.endSegment(nowMs);
    if (segment) this.#events.push({ type: 'segment', sequence: segment.sequence });
    this.#expire(nowMs);
  }

  /** Pictures that stay away must not hold up the sound: the last one is given out as long as it has lasted. */
  #watchVideo(dtsMs: number, nowMs: number): void {
    const video = this.#clocks.get('video');
    const heldSeconds = video?.heldSeconds;
    if (heldSeconds === undefined) return;
    // Sound that is ahead of its pictures is no stall as long as pictures arrive.
    const absentMs = Math.min(nowMs - this.#videoAtMs, dtsMs - heldSeconds * 1000);
    if (absentMs < this.#options.videoStallMs) return;
    const last = video?.flush(dtsMs / 1000);
    this.#isVideoStalled = true;
    this.videoStalls += 1;
    if (last) this.#take(last, nowMs);
  }

  #finishEpoch(nowMs: number): void {
    for (const clock of this.#clocks.values()) {
      const sample = clock.flush();
      if (sample) this.#take(sample, nowMs);
    }
    if (this.#segmenter) {
      this.#cutPart(this.#segmenter.endMs, Infinity);
      this.#endSegment(nowMs);
    }
    this.#forcedCuts += this.#segmenter?.forcedCuts ?? 0;
    this.#segmenter = undefined;
    this.#partStartMs = undefined;
    this.#beginMs = undefined;
    this.#isVideoStalled = false;
    this.#partHasKey = false;
    this.#keyFrameFirst = undefined;
    this.#packager = undefined;
    this.#clocks = new Map();
    this.#wall.reset();
  }

  #takeEvents(): HlsEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }
}
