import type { Clock } from '@gala/lib/clock';
import { MediaError } from '@gala/media/error';
import {
  HlsMemory,
  HlsMuxer,
  initialState,
  isPlayable,
  resolveFile,
  type HlsEvents,
  type HlsFile,
  type HlsState,
} from '@gala/media/hls';
import { Mp4Error, type TrackConfig } from '@gala/media/mp4';
import type { HlsConfig } from '../config.ts';
import type { Stream, StreamOutput } from '../stream.ts';
import type { Tag } from '../tag.ts';
import type { TrackKind } from '../timeline.ts';
import { Blocked, type BlockedPlaces } from './blocked.ts';
import type { HlsForm } from './forms.ts';
import { PlaylistText } from './playlist-text.ts';
import { SoundRate } from './sound-rate.ts';
import { HlsTracks } from './tracks.ts';

export interface HlsOutputOptions {
  readonly stream: Stream;
  readonly form: HlsForm;
  /** Number of the discontinuity that precedes what it begins with. */
  readonly discontinuity: number;
  readonly clock: Clock;
  readonly config: HlsConfig;
  readonly places: BlockedPlaces;
  /** Told when bytes were added. */
  readonly onGrown: (output: HlsOutput) => void;
}

/** What has left the window stays for about its length again, and players of a short window need some of it. */
const windowShare = 3;
/** Numbers begin here, so that they have few digits. */
const numbersBeginMs = Date.UTC(2025, 0, 1);
/** Faster than segments, and than parts, ever follow each other. */
const msPerSequence = 250;
const partsPerSequence = 10;

/**
 * HLS of one stream in one form: its tags, as viewers of FLV get them, cut into segments and parts that are kept in
 * memory for as long as a player may ask for them.
 */
export class HlsOutput implements StreamOutput {
  readonly stream: Stream;
  readonly form: HlsForm;
  readonly blocked: Blocked;
  readonly text: PlaylistText;
  readonly #options: HlsOutputOptions;
  readonly #tracks: HlsTracks;
  readonly #soundRate = new SoundRate();
  readonly #muxer: HlsMuxer;
  readonly #memory = new HlsMemory();
  #configs: readonly TrackConfig[] = [];
  #endedAtMs: number | undefined;
  #askedAtMs: number;
  #isReleased = false;

  constructor(options: HlsOutputOptions) {
    const { stream, form, discontinuity, clock, config, places } = options;
    this.stream = stream;
    this.form = form;
    this.#options = options;
    this.blocked = new Blocked(places);
    this.text = new PlaylistText(form);
    this.#tracks = new HlsTracks(form);
    this.#askedAtMs = clock.monotonicMs();
    const { segmentMs, windowMs } = config;
    const partMs = form.hasParts ? config.partMs : 0;
    const { container } = form;
    const begin = { ...stateAt(clock.nowMs(), segmentMs), discontinuitySequence: discontinuity };
    this.#muxer = new HlsMuxer({ container, segmentMs, partMs, windowMs }, begin);
  }

  get state(): HlsState {
    return this.#muxer.state;
  }

  /** Set-up of what is listed last. */
  get configs(): readonly TrackConfig[] {
    return this.#configs;
  }

  /** What the discontinuity of the next segment would be if it were not a new one. */
  get lastDiscontinuity(): number {
    const { discontinuitySequence, segments, open, discontinuityPending } = this.state;
    const listed = open ? [...segments, open] : segments;
    const count = listed.filter(({ discontinuity }) => discontinuity).length;
    return discontinuitySequence + count + Number(discontinuityPending);
  }

  /** Of the sound that it carries; 0 until that is known. */
  get soundBitsPerSecond(): number {
    return this.#soundRate.bitsPerSecond;
  }

  get bytes(): number {
    return this.#memory.bytes + this.#muxer.heldBytes;
  }

  get isPlayable(): boolean {
    return isPlayable(this.state);
  }

  get isUnsupported(): boolean {
    return this.#tracks.isUnsupported;
  }

  /** The stream has no sound, and this is its sound alone. */
  get isEmpty(): boolean {
    return this.form.isAudioOnly && this.stream.isSilent;
  }

  /** Monotonic time of the last request that was let in. */
  get askedAtMs(): number {
    return this.#askedAtMs;
  }

  /** Monotonic time of the end of the stream. */
  get endedAtMs(): number | undefined {
    return this.#endedAtMs;
  }

  /** Somebody may play it and asks for it. */
  touch(): void {
    this.#askedAtMs = this.#options.clock.monotonicMs();
  }

  /** How much of the memory of the stream it may fill: what has left the window comes on top of what is listed. */
  set bytesMax(bytes: number) {
    this.#muxer.windowBytesMax = Math.floor(bytes / windowShare);
  }

  /** Bytes of a file, in pieces; `wait` if it was announced, undefined if it is not there. */
  read(file: HlsFile): readonly Buffer[] | 'wait' | undefined {
    const answer = resolveFile(file, this.state);
    return answer.kind === 'wait' ? 'wait' : this.#memory.read(answer);
  }

  /** Tags from before now arrive as if they had come at their time. */
  begin(tags: readonly Tag[]): void {
    const newestMs = tags.at(-1)?.timestampMs ?? 0;
    const nowMs = this.#options.clock.nowMs();
    for (const tag of tags) {
      if (!this.#isReleased) this.#take(tag, nowMs - (newestMs - tag.timestampMs));
    }
  }

  add(tag: Tag): void {
    this.#take(tag, this.#options.clock.nowMs());
  }

  beginPublisher(): void {
    this.#tracks.beginPublisher();
  }

  forget(kinds: readonly TrackKind[]): void {
    this.#tracks.forget(kinds);
  }

  end(): void {
    const { clock } = this.#options;
    this.#endedAtMs = clock.monotonicMs();
    this.#apply(this.#muxer.end(clock.nowMs()));
    this.blocked.wake();
  }

  /** Lets go of what no player may ask for any more. */
  expire(): void {
    this.#memory.apply(this.#muxer.expire(this.#options.clock.nowMs()));
  }

  /** Who waits is told; nothing comes from the stream any more. */
  release(): void {
    this.#isReleased = true;
    this.stream.removeOutput(this);
    this.blocked.release();
  }

  #take(tag: Tag, nowMs: number): void {
    const wasUnsupported = this.isUnsupported;
    const unit = this.#tracks.read(tag);
    if (this.isUnsupported !== wasUnsupported) this.blocked.wake();
    if (!unit) return;
    if (this.#tracks.isNew) {
      if (!this.#tracks.isBeginning(unit)) return;
      if (!this.#beginEpoch(nowMs)) return;
    }
    if (unit.kind === 'audio') this.#soundRate.add(unit);
    if (this.#tracks.carries(unit.kind)) this.#apply(this.#muxer.push(unit, nowMs));
  }

  /** False if the set-up cannot be packed. */
  #beginEpoch(nowMs: number): boolean {
    const { configs } = this.#tracks;
    try {
      this.#apply(this.#muxer.begin(configs, nowMs));
    } catch (error) {
      if (!(error instanceof MediaError) && !(error instanceof Mp4Error)) throw error;
      this.#tracks.refuse();
      return false;
    }
    this.#configs = configs;
    this.#tracks.isNew = false;
    return true;
  }

  #apply(events: HlsEvents): void {
    if (events.length === 0) return;
    this.#memory.apply(events);
    this.blocked.wake();
    this.#options.onGrown(this);
  }
}

/**
 * Numbers follow the wall clock: an output that begins anew, also in another process, never gives the address of a
 * file that some cache still has to other bytes, and its playlist never seems to go back.
 */
function stateAt(nowMs: number, segmentMs: number): HlsState {
  const sequence = Math.max(0, Math.floor((nowMs - numbersBeginMs) / msPerSequence));
  return {
    ...initialState({ segmentMs }),
    nextSequence: sequence,
    nextPart: sequence * partsPerSequence,
    initId: sequence,
  };
}
