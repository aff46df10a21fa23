import type { Clock } from '@gala/lib/clock';
import { CodedError, hasCode } from '@gala/lib/error';
import type { NativeChild } from '@gala/lib/lifecycle';
import { within } from '@gala/lib/timing';
import { edgeErrors } from '@gala/protocol/errors';
import type { EdgeConfig } from '../config.ts';
import type { EdgeEvents } from '../events.ts';
import type { Fanout } from '../fanout.ts';
import { splitRendition } from '../play-request.ts';
import type { StreamLookup, StreamRef, StreamSource } from '../stream-lookup.ts';
import { Stream } from '../stream.ts';
import { renditionsOf, type RenditionSetting, type TranscodeConfig } from './config.ts';
import type { RenditionEnd, TranscodeEvents } from './events.ts';
import { Ladder, soundName } from './ladder.ts';
import { SourceVideo } from './source-video.ts';

export interface RenditionsOptions {
  readonly config: TranscodeConfig;
  readonly edgeConfig: EdgeConfig['edge'];
  readonly lookup: StreamLookup;
  readonly fanout: Fanout;
  readonly clock: Clock;
  readonly spawn: () => NativeChild;
  readonly events: TranscodeEvents;
  /** Of the streams that renditions are. */
  readonly streamEvents: EdgeEvents;
  /** A rendition that nobody watches is over; nothing of it shall be kept. */
  readonly onDropped: (stream: Stream) => void;
}

const checkMs = 1_000;
/** How long a viewer waits for a source to tell what its pictures are. */
const knownMsMax = 5_000;

/**
 * The renditions of all streams: `_720p`, `_540p`, `_360p` and `_audio` behind a room or a name. Each begins with its
 * first viewer and ends when nobody has watched it for a while, or with its source.
 */
export class Renditions implements StreamSource, AsyncDisposable {
  readonly #options: RenditionsOptions;
  readonly #settings: readonly RenditionSetting[];
  readonly #ladders = new Map<Stream, Ladder>();
  readonly #closing = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #isUnavailable = false;

  constructor(options: RenditionsOptions) {
    this.#options = options;
    this.#settings = renditionsOf(options.config);
    this.#timer = setInterval(() => this.#check(), checkMs);
    this.#timer.unref();
  }

  /** Streams that are transcoded now. */
  get transcoding(): number {
    let count = 0;
    for (const ladder of this.#ladders.values()) if (ladder.isTranscoding) count++;
    return count;
  }

  /** The renditions with pictures that a stream of such a height may have now, largest first. */
  offered(source: Stream, height: number): readonly RenditionSetting[] {
    if (this.#isUnavailable || source.identity.rendition !== undefined) return [];
    if (!this.#hasRoomFor(source)) return [];
    return this.#settings.filter((setting) => setting.height < height);
  }

  /** Lines of the renditions that a stream may have, whether or not there is room for them now. */
  linesOf(source: Stream): number[] {
    const video = new SourceVideo();
    if (source.videoHeader) video.read(source.videoHeader);
    if (this.#isUnavailable) return [];
    return this.#settings.map(({ height }) => height).filter((height) => height < video.height);
  }

  /**
   * @throws CodedError RENDITION_UNKNOWN, AUDIO_MISSING, TRANSCODE_BUSY, TRANSCODE_UNAVAILABLE, and what
   * `StreamLookup.find` does for the source
   */
  async open(ref: StreamRef): Promise<Stream | undefined> {
    const named = ref.rendition === undefined ? splitRendition(ref.hostName ?? '') : ref;
    if (named?.rendition === undefined) return undefined;
    const { rendition: name, ...sourceRef } = named;
    const source = await this.#sourceOf(sourceRef, ref);
    return source && this.#open(source, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    for (const [source] of this.#ladders) this.#close(source, 'closing');
    await Promise.all(this.#closing);
  }

  /** A name that only looks like that of a rendition is left to other sources. */
  async #sourceOf(sourceRef: StreamRef, asked: StreamRef): Promise<Stream | undefined> {
    try {
      return await this.#options.lookup.find({ ...sourceRef, rendition: undefined });
    } catch (error) {
      if (asked.rendition === undefined && hasCode(error, 'STREAM_UNKNOWN')) return undefined;
      throw error;
    }
  }

  async #open(source: Stream, name: string): Promise<Stream> {
    try {
      return await this.#openOn(source, name);
    } catch (error) {
      if (hasCode(error)) this.#options.events.refused(source.roomId, name, error.code);
      throw error;
    }
  }

  async #openOn(source: Stream, name: string): Promise<Stream> {
    const setting = this.#settings.find((each) => each.name === name);
    if (!setting && name !== soundName) throw new CodedError(edgeErrors, 'RENDITION_UNKNOWN');
    if (setting && this.#isUnavailable) throw new CodedError(edgeErrors, 'TRANSCODE_UNAVAILABLE');
    const ladder = this.#ladders.get(source) ?? this.#begin(source);
    await within(knownMsMax, ladder.video.known, () => undefined);
    if (this.#ladders.get(source) !== ladder) throw new CodedError(edgeErrors, 'STREAM_UNKNOWN');
    if (setting && ladder.video.height <= setting.height)
      throw new CodedError(edgeErrors, 'RENDITION_UNKNOWN');
    if (setting && !this.#hasRoomFor(source)) {
      throw new CodedError(edgeErrors, 'TRANSCODE_BUSY', { retryAfterSeconds: 5 });
    }
    if (!setting && source.isSilent) throw new CodedError(edgeErrors, 'AUDIO_MISSING');
    return ladder.open(name);
  }

  #hasRoomFor(source: Stream): boolean {
    const isRunning = this.#ladders.get(source)?.isTranscoding === true;
    return isRunning || this.transcoding < this.#options.config.streamsMax;
  }

  #begin(source: Stream): Ladder {
    const { config, spawn, events, clock } = this.#options;
    const ladder = new Ladder({
      source,
      settings: this.#settings,
      mayUseHardware: config.hardware,
      spawn,
      events,
      nowMs: () => clock.monotonicMs(),
      makeStream: (rendition) => this.#makeStream(source, rendition),
      onUnavailable: (error) => this.#unavailable(error),
      onEnd: (reason) => this.#close(source, reason),
    });
    this.#ladders.set(source, ladder);
    source.addOutput(ladder);
    return ladder;
  }

  #makeStream(source: Stream, rendition: string): Stream {
    const { clock, edgeConfig, fanout, streamEvents } = this.#options;
    return new Stream({
      identity: { ...source.identity, rendition, media: { record: false, forwardUrls: [] } },
      clock,
      config: edgeConfig,
      fanout,
      events: streamEvents,
      // Whoever follows streams follows their sources.
      onState: () => undefined,
    });
  }

  #check(): void {
    for (const [source, ladder] of this.#ladders) {
      for (const stream of ladder.dropIdle(this.#options.config.idleMs)) this.#options.onDropped(stream);
      if (ladder.isIdle(this.#options.config.idleMs)) this.#close(source, 'idle');
    }
  }

  #unavailable(error: CodedError): void {
    if (!this.#isUnavailable) this.#options.events.unavailable(error);
    this.#isUnavailable = true;
    for (const [source] of this.#ladders) this.#close(source, 'unavailable');
  }

  #close(source: Stream, reason: RenditionEnd): void {
    const ladder = this.#ladders.get(source);
    if (!ladder) return;
    this.#ladders.delete(source);
    const closing = ladder.close(reason).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
