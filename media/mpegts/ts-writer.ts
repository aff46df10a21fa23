import { samplingRates } from '../aac/audio-specific-config.ts';
import { encodeAdtsHeader, parseAudioSpecificConfig, type AudioSpecificConfig } from '../aac/index.ts';
import { MediaError } from '../error/index.ts';
import {
  avccNals,
  nalType,
  nalTypeOf,
  parseAvcDecoderRecord,
  toAnnexB,
  type AvcDecoderRecord,
} from '../h264/index.ts';
import { timescaleOf, type Sample, type TrackConfig } from '../mp4/index.ts';
import { PacketWriter } from './packet-writer.ts';
import { encodePes } from './pes.ts';
import { pid, programAssociation, programMap } from './tables.ts';

const TICKS_PER_SECOND = 90_000;
/** Presentation lags behind the program clock by this, so that a decoder has its data in time. */
const DELAY_TICKS = 63_000;
/** Frames of sound in one PES packet: each packet costs up to 200 bytes of filling. */
const AUDIO_PES_TICKS_MAX = TICKS_PER_SECOND / 10;
const AUDIO_PES_BYTES_MAX = 32_768;
const ADTS_OBJECT_TYPE_MAX = 4;
const ADTS_PAYLOAD_BYTES_MAX = 8191 - 7;
const ACCESS_UNIT_DELIMITER = Buffer.from([nalType.accessUnitDelimiter, 0xf0]);

/** True if a track has a form in MPEG-TS here: H.264, and AAC that ADTS can describe. */
export function isTsTrack(config: TrackConfig): boolean {
  if (config.codec === 'h264') return true;
  if (config.codec !== 'aac') return false;
  const { objectType, channelConfiguration, samplingRateHz } = parseAudioSpecificConfig(config.record);
  if (objectType > ADTS_OBJECT_TYPE_MAX || channelConfiguration === 0) return false;
  return samplingRates.some((rateHz) => rateHz === samplingRateHz);
}

interface AudioRun {
  readonly frames: Buffer[];
  readonly startTicks: number;
  endTicks: number;
  bytes: number;
}

/**
 * Writes MPEG-TS of H.264 and AAC in pieces that can each be played by themselves. It holds what has not been cut,
 * as `FragmentWriter` does; continuity counters go on from piece to piece.
 */
export class TsWriter {
  readonly #tracks: readonly TrackConfig[];
  readonly #packets = new PacketWriter();
  readonly #avc: AvcDecoderRecord | undefined;
  readonly #aac: AudioSpecificConfig | undefined;
  #held: Sample[] = [];
  #isFirst = true;
  /** Bytes of payload that wait for a cut. */
  heldBytes = 0;

  /** Errors: those of the decoder record and the AudioSpecificConfig; RangeError for tracks that `isTsTrack` denies. */
  constructor(tracks: readonly TrackConfig[]) {
    if (!tracks.every(isTsTrack)) throw new RangeError('MPEG-TS carries H.264 and AAC only');
    this.#tracks = tracks;
    const recordOf = (kind: string): Buffer | undefined =>
      tracks.find((track) => track.kind === kind)?.record;
    const [video, audio] = [recordOf('video'), recordOf('audio')];
    this.#avc = video && parseAvcDecoderRecord(video);
    this.#aac = audio && parseAudioSpecificConfig(audio);
  }

  /** Errors: `AVC_NAL_INVALID`, `ADTS_INVALID` for a sample that is then left out. */
  add(sample: Sample): void {
    const payload = sample.kind === 'video' ? this.#annexB(sample) : this.#adts(sample.payload);
    this.#held.push({ ...sample, payload });
    this.heldBytes += payload.length;
  }

  /** Writes what was added and starts before `beforeSeconds`, behind PAT and PMT; undefined if that is nothing. */
  cut({ beforeSeconds = Infinity }: { beforeSeconds?: number } = {}): Buffer | undefined {
    const beforeTicks = beforeSeconds * TICKS_PER_SECOND;
    const isDue = (sample: Sample): boolean => this.#ticks(sample) < beforeTicks;
    const due = this.#held.filter(isDue);
    if (due.length === 0) return undefined;
    this.#held = this.#held.filter((sample) => !isDue(sample));
    for (const { payload } of due) this.heldBytes -= payload.length;
    this.#packets.section(pid.programAssociation, programAssociation());
    this.#packets.section(pid.programMap, programMap(this.#tracks.map(({ kind }) => kind)));
    this.#writeInterleaved(due.toSorted((a, b) => this.#ticks(a) - this.#ticks(b)));
    return this.#packets.take();
  }

  #ticks(sample: Sample): number {
    const track = this.#tracks.find(({ kind }) => kind === sample.kind);
    if (track === undefined) throw new RangeError(`no ${sample.kind} track`);
    return Math.round((sample.startTicks * TICKS_PER_SECOND) / timescaleOf(track));
  }

  #writeInterleaved(samples: readonly Sample[]): void {
    let run: AudioRun | undefined;
    for (const sample of samples) {
      if (sample.kind === 'audio') run = this.#collect(run, sample);
      else this.#writeVideo(sample);
    }
    if (run) this.#writeAudio(run);
  }

  #writeVideo(sample: Sample): void {
    const dtsTicks = this.#ticks(sample);
    const stamps = {
      ptsTicks: dtsTicks + DELAY_TICKS + sample.compositionTicks,
      dtsTicks: dtsTicks + DELAY_TICKS,
    };
    this.#packets.unit(pid.video, encodePes({ kind: 'video', ...stamps, payload: sample.payload }), {
      clockTicks: dtsTicks,
      randomAccess: sample.keyFrame,
      discontinuity: this.#takeFirst(),
    });
  }

  /** An access unit with delimiter, and parameter sets before a key frame that brings none. */
  #annexB({ payload, keyFrame }: Sample): Buffer {
    const record = this.#avc;
    if (record === undefined) throw new RangeError('no video track');
    const nals = [...avccNals(payload, record.nalLengthBytes)].filter(
      (nal) => nalTypeOf(nal) !== nalType.accessUnitDelimiter,
    );
    const hasSets = nals.some((nal) => nalTypeOf(nal) === nalType.sps);
    const sets = keyFrame && !hasSets ? [...record.sps, ...record.pps] : [];
    return toAnnexB([ACCESS_UNIT_DELIMITER, ...sets, ...nals]);
  }

  /** Adds a frame to the run; one that does not follow it, or has no room, begins the next. */
  #collect(run: AudioRun | undefined, sample: Sample): AudioRun {
    const startTicks = this.#ticks(sample);
    const frame = sample.payload;
    const endTicks = startTicks + Math.round((sample.durationTicks * TICKS_PER_SECOND) / this.#audioRateHz());
    const isNext =
      run !== undefined &&
      Math.abs(run.endTicks - startTicks) <= 1 &&
      endTicks - run.startTicks <= AUDIO_PES_TICKS_MAX &&
      run.bytes + frame.length <= AUDIO_PES_BYTES_MAX;
    if (run && isNext) {
      run.frames.push(frame);
      run.bytes += frame.length;
      run.endTicks = endTicks;
      return run;
    }
    if (run) this.#writeAudio(run);
    return { frames: [frame], startTicks, endTicks, bytes: frame.length };
  }

  #writeAudio({ frames, startTicks }: AudioRun): void {
    const stamp = startTicks + DELAY_TICKS;
    const payload = Buffer.concat(frames);
    const isClock = this.#avc === undefined;
    this.#packets.unit(pid.audio, encodePes({ kind: 'audio', ptsTicks: stamp, dtsTicks: stamp, payload }), {
      clockTicks: isClock ? startTicks : undefined,
      randomAccess: isClock,
      discontinuity: isClock && this.#takeFirst(),
    });
  }

  #adts(payload: Buffer): Buffer {
    if (this.#aac === undefined) throw new RangeError('no sound track');
    if (payload.length > ADTS_PAYLOAD_BYTES_MAX) throw new MediaError('ADTS_INVALID', 'frame too long');
    const { objectType, samplingRateHz, channelConfiguration } = this.#aac;
    const header = encodeAdtsHeader({
      objectType,
      samplingRateHz,
      channelConfiguration,
      payloadBytes: payload.length,
    });
    return Buffer.concat([header, payload]);
  }

  #audioRateHz(): number {
    return this.#aac?.samplingRateHz ?? TICKS_PER_SECOND;
  }

  /** True once: the clock of a writer does not continue that of the one before it. */
  #takeFirst(): boolean {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    return isFirst;
  }
}
