import { hasCode } from '@gala/lib/error';
import type { Clock } from '@gala/lib/clock';
import type { BlobStore } from '@gala/lib/blob';
import { MediaError } from '@gala/media/error';
import { Mp4Error, type AccessUnit } from '@gala/media/mp4';
import { hlsForms } from '../hls/forms.ts';
import { HlsTracks } from '../hls/tracks.ts';
import type { Stream, StreamOutput } from '../stream.ts';
import type { Tag } from '../tag.ts';
import type { TrackKind } from '../timeline.ts';
import type { RecordConfig } from './config.ts';
import type { RecordEvents } from './events.ts';
import { RecordingPart } from './part.ts';
import type { FinishedPart, PartName, RecordingEnd, RecordingFormat } from './recording.ts';

export interface RecorderOptions {
  readonly stream: Stream;
  readonly store: BlobStore;
  readonly clock: Clock;
  readonly config: RecordConfig;
  readonly events: RecordEvents;
  readonly makeRoom: (bytes: number) => Promise<void>;
  /** False while nothing may be written. */
  readonly mayWrite: () => boolean;
  readonly onBegan: (part: PartName, formats: readonly RecordingFormat[]) => void;
  readonly onEnded: (ended: Promise<FinishedPart>) => void;
}

/** After a failure the next part begins at a key frame after this. */
const pauseMs = 30_000;
const headerOrder: readonly TrackKind[] = ['data', 'video', 'audio'];

/**
 * Records one stream, part by part. Whatever happens to the disk is the recording's alone: the stream hands its tags
 * over and never waits. What the edge shows while the publisher is away is not recorded.
 */
export class Recorder implements StreamOutput {
  readonly stream: Stream;
  readonly #options: RecorderOptions;
  readonly #tracks = new HlsTracks(hlsForms.fmp4);
  readonly #headers = new Map<TrackKind, Tag>();
  #part: RecordingPart | undefined;
  #isFallback = false;
  #isAway = false;
  #resumeAtMs = -Infinity;
  #lastStartMs = 0;

  constructor(options: RecorderOptions) {
    this.stream = options.stream;
    this.#options = options;
  }

  /** Tags from before now arrive as if they had come at their time. */
  begin(tags: readonly Tag[]): void {
    const newestMs = tags.at(-1)?.timestampMs ?? 0;
    const nowMs = this.#options.clock.nowMs();
    for (const tag of tags) this.#take(tag, nowMs - (newestMs - tag.timestampMs));
  }

  add(tag: Tag): void {
    this.#take(tag, this.#options.clock.nowMs());
  }

  beginPublisher(): void {
    this.#endPart('taken_over');
    this.#isAway = false;
    this.#tracks.beginPublisher();
  }

  forget(kinds: readonly TrackKind[]): void {
    this.#tracks.forget(kinds);
    for (const kind of kinds) this.#headers.delete(kind);
    if (this.#tracks.isNew) this.#endPart('set_up_changed');
  }

  end(): void {
    this.#endPart('ended');
  }

  /** The publisher is away: what comes until the next one is made by the edge. */
  hold(): void {
    this.#isAway = true;
    this.#endPart('held');
  }

  /** Stops writing; a new part begins later, if it may. */
  interrupt(reason: RecordingEnd, error?: unknown): void {
    if (!this.#part) return;
    this.#options.events.interrupted(this.stream.roomId, reason, error);
    this.#resumeAtMs = this.#options.clock.monotonicMs() + pauseMs;
    this.#endPart(reason, 'failed');
  }

  #take(tag: Tag, wallMs: number): void {
    if (this.#isAway) return;
    if (tag.sequenceHeader) this.#headers.set(tag.kind, tag);
    const unit = this.#tracks.read(tag);
    const { isNew, isUnsupported } = this.#tracks;
    if (isNew || isUnsupported !== this.#isFallback) this.#endPart('set_up_changed');
    if (!this.#part && this.#begins(tag, unit)) this.#beginPart(tag, wallMs);
    this.#part?.push(tag, unit);
  }

  /** True for the tag that a part may begin with. */
  #begins(tag: Tag, unit: AccessUnit | undefined): boolean {
    const isBeginning = this.#tracks.isUnsupported
      ? tag.keyFrame || (tag.kind === 'audio' && !tag.sequenceHeader && !this.#headers.has('video'))
      : unit !== undefined && this.#tracks.isBeginning(unit);
    const { clock, mayWrite } = this.#options;
    return isBeginning && clock.monotonicMs() >= this.#resumeAtMs && mayWrite();
  }

  #beginPart(tag: Tag, wallMs: number): void {
    const { config, events } = this.#options;
    const { isUnsupported } = this.#tracks;
    if (isUnsupported && config.formats.includes('mp4')) events.unsupported(this.stream.roomId);
    this.#isFallback = isUnsupported;
    this.#lastStartMs = Math.max(Math.round(wallMs), this.#lastStartMs + 1);
    const name = { roomId: this.stream.roomId, startedAtMs: this.#lastStartMs };
    try {
      this.#part = this.#open(name, tag, isUnsupported ? ['flv'] : [...new Set(config.formats)]);
    } catch (error) {
      if (!(error instanceof MediaError) && !(error instanceof Mp4Error)) throw error;
      this.#tracks.refuse();
      return;
    }
    this.#tracks.isNew = false;
    events.began(name, this.#part.formats);
    this.#options.onBegan(name, this.#part.formats);
  }

  #open(name: PartName, tag: Tag, formats: readonly RecordingFormat[]): RecordingPart {
    const { store, config, events, makeRoom } = this.#options;
    const part = new RecordingPart({
      ...config,
      name,
      store,
      formats,
      makeRoom,
      configs: this.#tracks.configs,
      headers: headerOrder.flatMap((kind) => this.#headers.get(kind) ?? []),
      baseMs: tag.timestampMs,
      onLeftOut: (isFirst) => events.leftOut(name.roomId, isFirst),
      onFailed: (error) => {
        if (this.#part === part) this.interrupt(reasonOf(error), error);
      },
    });
    return part;
  }

  #endPart(reason: RecordingEnd, state: FinishedPart['state'] = 'done'): void {
    const part = this.#part;
    if (!part) return;
    this.#part = undefined;
    this.#options.onEnded(part.end(reason, state));
  }
}

function reasonOf(error: unknown): RecordingEnd {
  if (hasCode(error, 'BLOB_DISK_FULL')) return 'disk_full';
  return hasCode(error, 'BLOB_BUDGET', 'BLOB_TOO_LARGE') ? 'budget' : 'write_failed';
}
