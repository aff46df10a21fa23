import type { Clock } from '@gala/lib/clock';
import { encodeFlvHeader } from '@gala/media/flv';
import { Audience, type JoinPoint } from './audience.ts';
import type { EdgeConfig } from './config.ts';
import type { EdgeEvents } from './events.ts';
import type { Fanout } from './fanout.ts';
import { GopCache } from './gop-cache.ts';
import { HoldPicture, holdTickMs } from './hold.ts';
import { encodePayload } from './payload.ts';
import { StreamStats } from './stats.ts';
import type { Tag } from './tag.ts';
import { TagEncoder } from './tag-encoder.ts';
import { Timeline, type TrackKind } from './timeline.ts';
import type { Latency, Viewer } from './viewer.ts';

/** The connection that feeds a stream, as the stream sees it. */
export interface Publisher {
  readonly remoteAddress: string;
  /** Tells it why (an RTMP status) and closes it. */
  close(status: string, description: string): void;
}

export interface StreamIdentity {
  readonly roomId: number;
  readonly hostId: number;
  readonly hostName: string;
  readonly isPrivate: boolean;
  readonly holdMs: number;
}

export interface StreamOptions {
  readonly identity: StreamIdentity;
  readonly clock: Clock;
  readonly config: EdgeConfig['edge'];
  readonly fanout: Fanout;
  readonly events: EdgeEvents;
  /** Told once about each change of state. */
  readonly onState: (stream: Stream, reason: string) => void;
}

export type StreamState = 'starting' | 'live' | 'hold' | 'ended';

/** How long a stream without one of its tracks may keep its first viewers waiting for it. */
const trackWaitMs = 700;
/** How long audio of a realtime stream waits for the picture that it rides with. */
const audioRideMs = 40;

/** One room on air: one publisher at a time, one timeline, one GOP cache, and its audiences. */
export class Stream {
  readonly identity: StreamIdentity;
  readonly stats: StreamStats;
  epoch = 0;
  state: StreamState = 'starting';
  /** True while it was admitted without the room service, until that agrees. */
  provisional = false;
  readonly #options: StreamOptions;
  readonly #cache = new GopCache();
  readonly #timeline = new Timeline();
  readonly #encoder = new TagEncoder();
  readonly #audiences: Record<Latency, Audience>;
  readonly #timers: NodeJS.Timeout[] = [];
  #publisher: Publisher | undefined;
  #waiting: Viewer[] = [];
  #firstTagMs = 0;
  #holdTimer: NodeJS.Timeout | undefined;
  #rideTimer: NodeJS.Timeout | undefined;
  #pictureIn = false;

  constructor(options: StreamOptions) {
    this.identity = options.identity;
    this.#options = options;
    this.stats = new StreamStats(options.clock);
    this.#audiences = {
      realtime: this.#audience('realtime'),
      low: this.#audience('low'),
      economy: this.#audience('economy'),
    };
    this.#every(options.config.lowTickMs, () => this.#audiences.low.flush());
    this.#every(options.config.economyTickMs, () => this.#audiences.economy.flush());
  }

  get roomId(): number {
    return this.identity.roomId;
  }

  get viewerCount(): number {
    const { realtime, low, economy } = this.#audiences;
    return realtime.size + low.size + economy.size + this.#waiting.length;
  }

  get publisher(): Publisher | undefined {
    return this.#publisher;
  }

  get gopBytes(): number {
    return this.#cache.bytes;
  }

  viewers(): Viewer[] {
    return Object.values(this.#audiences).flatMap((audience) => audience.viewers);
  }

  /** A publisher with a newer epoch speaks from now on; the one before is told and closed. */
  attach(publisher: Publisher, epoch: number): void {
    const before = this.#publisher;
    this.#publisher = publisher;
    this.epoch = epoch;
    this.#stopHold();
    this.#timeline.join();
    this.#encoder.beginPublisher();
    if (before) {
      this.#options.events.takenOver(this.roomId, epoch);
      before.close('NetStream.Publish.BadName', 'a newer publisher has taken over');
    }
    this.#setState(this.#ready() ? 'live' : 'starting', 'publisher attached');
  }

  /** The publisher is gone; anyone but the present one is none of our business. */
  detach(publisher: Publisher, reason: string): void {
    if (publisher !== this.#publisher || this.state === 'ended') return;
    this.#publisher = undefined;
    this.#beginHold(reason);
  }

  /** One RTMP media message of the present publisher. */
  append(publisher: Publisher, message: { kind: TrackKind; timestampMs: number; payload: Buffer }): void {
    if (publisher !== this.#publisher) return;
    const nowMs = this.#options.clock.monotonicMs();
    const jumps = this.#timeline.jumps;
    const outMs = this.#timeline.correct(message.kind, message.timestampMs, nowMs);
    this.#options.events.counters.timestampJumps += this.#timeline.jumps - jumps;
    this.#add(message.kind, outMs, message.payload);
  }

  /** All messages of one socket read have been appended: realtime viewers get their pictures now. */
  endOfRead(): void {
    const audience = this.#audiences.realtime;
    if (!audience.hasPending) return;
    if (this.#pictureIn || !this.#cache.hasVideo) this.#flushRealtime();
    else this.#rideTimer ??= setTimeout(this.#flushRealtime, audioRideMs);
  }

  /** Takes a viewer in; it waits until the stream knows its tracks. */
  join(viewer: Viewer): void {
    if (this.#ready()) this.#audiences[viewer.latency].join(viewer);
    else this.#waiting.push(viewer);
  }

  /** Call once when the viewer's socket has closed. */
  leave(viewer: Viewer): void {
    const index = this.#waiting.indexOf(viewer);
    if (index >= 0) this.#waiting.splice(index, 1);
    else this.#audiences[viewer.latency].leave(viewer);
    viewer.closed = true;
  }

  /** The end: the publisher is closed, viewers get what is pending and then the end of their stream. */
  end(reason: string): void {
    if (this.state === 'ended') return;
    this.#stopHold();
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#rideTimer);
    this.#publisher?.close('NetStream.Unpublish.Success', reason);
    this.#publisher = undefined;
    for (const audience of Object.values(this.#audiences)) {
      audience.flush();
      audience.endAll();
    }
    for (const viewer of this.#waiting) viewer.end();
    this.#options.events.ended(this.roomId, this.epoch, reason);
    this.#setState('ended', reason);
  }

  #audience(latency: Latency): Audience {
    return new Audience({
      latency,
      fanout: this.#options.fanout,
      joinPoint: (sequence) => this.#joinPoint(sequence),
    });
  }

  #every(ms: number, work: () => void): void {
    this.#timers.push(setInterval(work, ms));
  }

  #add(kind: TrackKind, timestampMs: number, payload: Buffer): void {
    const { counters } = this.#options.events;
    const tag = this.#encoder.encode(kind, timestampMs, payload);
    counters.bytesIn += payload.length;
    if (typeof tag === 'string') {
      if (tag === 'malformed') counters.tagsMalformed++;
      return;
    }
    counters.tagsIn++;
    this.stats.count(tag);
    if (this.#firstTagMs === 0) this.#firstTagMs = this.#options.clock.monotonicMs();
    if (kind === 'video') this.#pictureIn = true;
    this.#distribute(tag);
    if (this.state === 'starting' && this.#ready()) this.#begin();
  }

  #distribute(tag: Tag): void {
    const overflows = this.#cache.overflows;
    this.#cache.add(tag);
    this.#options.events.counters.gopOverflows += this.#cache.overflows - overflows;
    this.#audiences.realtime.add(tag);
    this.#audiences.low.add(tag);
    this.#audiences.economy.add(tag);
  }

  /** The tracks are known: both are there, or the missing one has had its time. */
  #ready(): boolean {
    const { hasAudio, hasVideo, keyFrame } = this.#cache;
    if (hasVideo && !keyFrame) return this.state !== 'starting';
    if (hasVideo && hasAudio) return true;
    const waitedMs = this.#options.clock.monotonicMs() - this.#firstTagMs;
    return this.#firstTagMs > 0 && (hasVideo || hasAudio) && waitedMs >= trackWaitMs;
  }

  #begin(): void {
    this.#setState('live', 'tracks are known');
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const viewer of waiting) this.#audiences[viewer.latency].join(viewer);
  }

  #joinPoint(sequence: number): JoinPoint {
    const tags = this.#cache.upTo(sequence);
    const header = encodeFlvHeader({ hasAudio: this.#cache.hasAudio, hasVideo: this.#cache.hasVideo });
    const payload = encodePayload([...this.#cache.headers, ...tags], [header]);
    return { payload, hasPicture: tags.length > 0 || !this.#cache.hasVideo };
  }

  readonly #flushRealtime = (): void => {
    clearTimeout(this.#rideTimer);
    this.#rideTimer = undefined;
    this.#pictureIn = false;
    this.#audiences.realtime.flush();
  };

  #beginHold(reason: string): void {
    this.#options.events.held(this.roomId, this.epoch, reason);
    this.#setState('hold', reason);
    const endsAtMs = this.#options.clock.monotonicMs() + this.identity.holdMs;
    const picture = new HoldPicture(this.#cache.keyFrame, this.#cache.audioHeader);
    let lastMs = this.#options.clock.monotonicMs();
    this.#holdTimer = setInterval(() => {
      const nowMs = this.#options.clock.monotonicMs();
      if (nowMs >= endsAtMs) return this.end('hold_expired');
      this.#extend(picture, nowMs, nowMs - lastMs);
      lastMs = nowMs;
    }, holdTickMs);
  }

  #extend(picture: HoldPicture, nowMs: number, elapsedMs: number): void {
    for (const { kind, beforeMs, payload } of picture.messages(elapsedMs)) {
      this.#add(kind, this.#timeline.extend(kind, nowMs, -Math.round(beforeMs)), payload);
    }
    this.#flushRealtime();
  }

  #stopHold(): void {
    clearInterval(this.#holdTimer);
    this.#holdTimer = undefined;
  }

  #setState(state: StreamState, reason: string): void {
    if (this.state === state) return;
    this.state = state;
    this.#options.onState(this, reason);
  }
}
