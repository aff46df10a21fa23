import type { CodedError } from '@gala/lib/error';
import { hasCode } from '@gala/lib/error';
import { Backoff, type NativeChild } from '@gala/lib/lifecycle';
import { TranscodeChild, type SourceMessage } from '@gala/media-io/transcode';
import type { Publisher, Stream, StreamMessage, StreamOutput } from '../stream.ts';
import { payloadOf, type Tag } from '../tag.ts';
import type { TrackKind } from '../timeline.ts';
import type { RenditionSetting } from './config.ts';
import type { RenditionEnd, TranscodeEvents } from './events.ts';
import { SourceVideo } from './source-video.ts';

export interface LadderOptions {
  readonly source: Stream;
  readonly settings: readonly RenditionSetting[];
  readonly mayUseHardware: boolean;
  readonly spawn: () => NativeChild;
  readonly events: TranscodeEvents;
  readonly nowMs: () => number;
  /** Makes the stream of a rendition. */
  readonly makeStream: (name: string) => Stream;
  /** The codecs are not there: nothing can be transcoded in this process. */
  readonly onUnavailable: (error: CodedError) => void;
  /** The source is over, or has no pictures any more. */
  readonly onEnd: (reason: RenditionEnd) => void;
}

/** A rendition that is being made. */
interface Rung {
  readonly stream: Stream;
  /** Its place in the settings; undefined for sound alone, which needs no transcoding. */
  readonly index: number | undefined;
  /** Last time that somebody watched it. */
  usedAtMs: number;
}

const restartMs = { initialMs: 500, maxMs: 30_000 };
/** A child that has lived this long is well: the next restart is quick again. */
const wellMs = 30_000;
/** Tags of the source that wait for its first rendition; over it, that begins with the next key frame. */
const cachedTagsMax = 4096;
const wireRange = 2 ** 32;
/** Sound alone: the stream as it is, without its pictures. */
export const soundName = 'audio';

/**
 * The renditions of one source that somebody watches: each a stream of its own, all fed by one child process that
 * decodes the source once. The child is started with the first rendition, again with back-off when it dies, and ended
 * with the last.
 */
export class Ladder implements StreamOutput {
  readonly video = new SourceVideo();
  readonly #options: LadderOptions;
  readonly #rungs = new Map<string, Rung>();
  readonly #backoff = new Backoff(restartMs);
  /** Set-up of the source, for a child that comes later. */
  readonly #headers = new Map<TrackKind, Tag>();
  /** The source since its last key frame, until the first child has it. */
  #cached: Tag[] = [];
  #usedAtMs: number;
  #child: TranscodeChild | undefined;
  #childSinceMs = 0;
  #restart: NodeJS.Timeout | undefined;
  /** A child that comes later begins with a key frame. */
  #awaitsKeyFrame = false;
  #isClosed = false;

  constructor(options: LadderOptions) {
    this.#options = options;
    this.#usedAtMs = options.nowMs();
  }

  /** True for one that nobody has used for so long. */
  isIdle(idleMs: number): boolean {
    return this.#rungs.size === 0 && this.#options.nowMs() - this.#usedAtMs > idleMs;
  }

  /** True while a child runs for it, or will again. */
  get isTranscoding(): boolean {
    return [...this.#rungs.values()].some(({ index }) => index !== undefined);
  }

  /** The stream of a rendition; it begins if it has not. */
  open(name: string): Stream {
    const { source, settings, makeStream, events, nowMs } = this.#options;
    const present = this.#rungs.get(name);
    if (present) return present.stream;
    const place = settings.findIndex((setting) => setting.name === name);
    const index = place < 0 ? undefined : place;
    const stream = makeStream(name);
    // HLS numbers its discontinuities by it, alike in all renditions.
    stream.epoch = source.epoch;
    this.#rungs.set(name, { stream, index, usedAtMs: nowMs() });
    source.renditions.set(name, stream);
    events.begun(source.roomId, name);
    if (index === undefined) for (const tag of this.#headers.values()) this.#passSound(stream, tag);
    else this.#want();
    return stream;
  }

  /** Drops what nobody has watched for a while. */
  dropIdle(idleMs: number): Stream[] {
    const nowMs = this.#options.nowMs();
    if (this.#rungs.size > 0) this.#usedAtMs = nowMs;
    const idle: Stream[] = [];
    for (const [name, rung] of this.#rungs) {
      if (rung.stream.viewerCount > 0) rung.usedAtMs = nowMs;
      else if (nowMs - rung.usedAtMs > idleMs) idle.push(this.#drop(name, rung, 'idle'));
    }
    if (idle.length > 0) this.#want();
    return idle;
  }

  begin(tags: readonly Tag[]): void {
    this.#cached = [...tags];
    for (const tag of tags) this.#note(tag);
    this.video.markKnown();
  }

  add(tag: Tag): void {
    this.#note(tag);
    if (this.#cached.length > 0) this.#keep(tag);
    for (const { stream, index } of this.#rungs.values()) {
      if (index === undefined) this.#passSound(stream, tag);
    }
    if (this.#awaitsKeyFrame && !tag.keyFrame) return;
    if (this.#awaitsKeyFrame) this.#sendHeaders();
    this.#awaitsKeyFrame = false;
    this.#child?.append(sourceMessage(tag));
  }

  /** What comes next is set up anew, and the child follows that. */
  beginPublisher(): void {}

  forget(kinds: readonly TrackKind[]): void {
    for (const kind of kinds) this.#headers.delete(kind);
    if (kinds.includes('video')) this.#options.onEnd('source_changed');
  }

  end(): void {
    this.#options.onEnd('source_ended');
  }

  /** Ends all renditions and the child. */
  async close(reason: RenditionEnd): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#restart);
    this.#options.source.removeOutput(this);
    for (const [name, rung] of this.#rungs) this.#drop(name, rung, reason);
    await this.#endChild();
  }

  /** As the cache of the stream does: whoever opens the first rendition may need a moment. */
  #keep(tag: Tag): void {
    if (tag.keyFrame) this.#cached = [...this.#headers.values()];
    this.#cached.push(tag);
    if (this.#cached.length > cachedTagsMax) this.#cached = [];
  }

  #note(tag: Tag): void {
    this.video.read(tag);
    if (tag.sequenceHeader) this.#headers.set(tag.kind, tag);
  }

  #drop(name: string, { stream }: Rung, reason: RenditionEnd): Stream {
    const { source, events } = this.#options;
    this.#rungs.delete(name);
    source.renditions.delete(name);
    stream.end(reason);
    events.dropped(source.roomId, name, reason);
    return stream;
  }

  /** Tells the child what it shall make; starts it, or ends it when that is nothing. */
  #want(): void {
    if (!this.isTranscoding) return void this.#endChild();
    if (!this.#child) this.#start();
    this.#child?.want(this.#wanted());
  }

  #wanted(): ReadonlySet<number> {
    const indices = [...this.#rungs.values()].map(({ index }) => index);
    return new Set(indices.filter((index) => index !== undefined));
  }

  async #endChild(): Promise<void> {
    clearTimeout(this.#restart);
    this.#restart = undefined;
    const child = this.#child;
    this.#child = undefined;
    await child?.[Symbol.asyncDispose]();
  }

  #start(): void {
    if (this.#restart || this.#isClosed) return;
    const { settings, mayUseHardware, spawn, events, source, nowMs } = this.#options;
    events.counters.childrenStarted++;
    this.#childSinceMs = nowMs();
    const child: TranscodeChild = new TranscodeChild({
      child: spawn(),
      rungs: settings,
      mayUseHardware,
      counters: events.counters,
      onReady: (encoder) => events.childReady(source.roomId, encoder),
      onMessage: (index, message) => this.#receive(settings[index].name, message),
      onAbsent: (index) => this.#absent(settings[index].name),
      onEnd: (error) => this.#childEnded(child, error),
    });
    this.#child = child;
    child.want(this.#wanted());
    for (const tag of this.#cached) child.append(sourceMessage(tag));
    this.#awaitsKeyFrame = this.#cached.length === 0;
    this.#cached = [];
  }

  #sendHeaders(): void {
    for (const tag of this.#headers.values()) this.#child?.append(sourceMessage(tag));
  }

  #childEnded(child: TranscodeChild, error: CodedError | undefined): void {
    if (this.#child !== child || !error) return;
    this.#child = undefined;
    if (hasCode(error, 'NATIVE_MISSING')) return this.#options.onUnavailable(error);
    const { events, source, nowMs } = this.#options;
    if (nowMs() - this.#childSinceMs > wellMs) this.#backoff.reset();
    const delayMs = this.#backoff.nextMs();
    events.childEnded(source.roomId, error, delayMs);
    this.#restart = setTimeout(() => {
      this.#restart = undefined;
      this.#want();
    }, delayMs);
  }

  #receive(name: string, message: StreamMessage): void {
    const stream = this.#rungs.get(name)?.stream;
    if (stream) feed(stream, message);
  }

  #absent(name: string): void {
    const rung = this.#rungs.get(name);
    if (rung) this.#drop(name, rung, 'source_changed');
    this.#want();
  }

  #passSound(stream: Stream, tag: Tag): void {
    if (tag.kind === 'audio') feed(stream, { ...tag, payload: payloadOf(tag) });
  }
}

/** What the stream of a rendition takes for its publisher; nobody but the ladder ends it. */
const publisher: Publisher = { remoteAddress: 'transcoder', close: () => undefined };

/** Times are those of the source, so that players change between the two without a step. */
function feed(stream: Stream, { kind, timestampMs, payload }: StreamMessage): void {
  const wireMs = timestampMs % wireRange;
  if (!stream.publisher) stream.attach(publisher, stream.epoch, wireMs);
  stream.append(publisher, { kind, timestampMs: wireMs, payload });
  stream.endOfRead();
}

function sourceMessage(tag: Tag): SourceMessage {
  const { kind, timestampMs, keyFrame, sequenceHeader } = tag;
  return {
    kind,
    timestampMs,
    payload: payloadOf(tag),
    isKeyFrame: keyFrame,
    isSequenceHeader: sequenceHeader,
  };
}
