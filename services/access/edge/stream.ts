import type { Clock } from '@gala/lib/clock';
import { encodeFlvHeader } from '@gala/media/flv';
import { Audience, type AudienceOptions, type JoinPoint } from './audience.ts';
import { Cohorts } from './cohorts.ts';
import type { EdgeConfig } from './config.ts';
import type { EdgeEvents } from './events.ts';
import type { Fanout } from './fanout.ts';
import { GopCache } from './gop-cache.ts';
import { HoldPicture, holdTickMs } from './hold.ts';
import { InBandSets } from './in-band-sets.ts';
import { Payload } from './payload.ts';
import type { Wanted } from './play-request.ts';
import { soundTags } from './sound-tags.ts';
import { StreamStats } from './stats.ts';
import { StreamCodecs } from './stream-codecs.ts';
import type { Tag } from './tag.ts';
import { Tally } from './tally.ts';
import { TagEncoder } from './tag-encoder.ts';
import type { StreamTrace } from './stream-trace.ts';
import { Timeline, type TrackKind } from './timeline.ts';
import type { Latency, Viewer } from './viewer.ts';
import { WaitingViewers } from './waiting-viewers.ts';

/** The connection that feeds a stream, as the stream sees it. */
export interface Publisher {
  readonly remoteAddress: string;
  /** Round trip to it; undefined where it is not known. */
  readonly rttMs?: number | undefined;
  /** Tells it why (an RTMP status) and closes it; nothing comes from it afterwards. */
  close(status: string, description: string): void;
}

/** What follows a stream beside its viewers. */
export interface StreamOutput {
  /** What a new viewer would get: set-up, and tags since the last key frame. Called once, before `add`. */
  begin(tags: readonly Tag[]): void;
  add(tag: Tag): void;
  /** Another publisher speaks from now on. */
  beginPublisher(): void;
  /** The present publisher does not send these. */
  forget(kinds: readonly TrackKind[]): void;
  end(reason: string): void;
}

export interface StreamIdentity {
  readonly roomId: number;
  readonly hostName: string;
  readonly isPrivate: boolean;
  readonly holdMs: number;
  readonly media: StreamMedia;
  /** Name of the rung of the ladder that this stream is; undefined for what the publisher sends. */
  readonly rendition?: string;
}

/** What the host wants done with the stream beside showing it. */
export interface StreamMedia {
  readonly record: boolean;
  /** They may hold keys: never logged. */
  readonly forwardUrls: readonly string[];
}

export interface StreamOptions {
  readonly identity: StreamIdentity;
  readonly clock: Clock;
  readonly config: EdgeConfig['edge'];
  readonly fanout: Fanout;
  readonly events: EdgeEvents;
  /** Told once about each change of state. */
  readonly onState: (stream: Stream, reason: string) => void;
  /** What it is made of has changed while it is live. */
  readonly onCodecs?: (stream: Stream) => void;
}

export type StreamState = 'starting' | 'live' | 'hold' | 'ended';

/** One RTMP media message, as a publisher sends it. */
export interface StreamMessage {
  readonly kind: TrackKind;
  /** Unsigned 32-bit wire clock. */
  readonly timestampMs: number;
  readonly payload: Buffer;
}

/** Why a stream ended whose room has ended or is on air elsewhere: the room service need not be told. */
export const stoppedByRoom = 'stopped_by_room';
/** Why a stream ended whose edge is closing: its room is held, so that the publisher finds it again. */
export const edgeClosed = 'edge_closed';
/** How long a publisher without one of the tracks may keep the first viewers waiting for it. */
const trackWaitMs = 700;
/** How long audio of a realtime stream waits for the picture that it rides with. */
const audioRideMs = 40;
/** How long viewers wait for the first picture. */
const viewerWaitMsMax = 10_000;

/** One room on air: one publisher at a time, one timeline, one GOP cache, and its audiences. */
export class Stream {
  /** As the publish decision said last. */
  identity: StreamIdentity;
  readonly stats: StreamStats;
  /** Viewers that have no connection that would stay: players of HLS. */
  readonly players = { count: 0, bytesOut: 0 };
  readonly tallies: Readonly<Record<Latency, Tally>>;
  /** Wall clock. */
  readonly beganAtMs: number;
  /** Rungs of its ladder that somebody watches, by name; their viewers are viewers of the room. */
  readonly renditions = new Map<string, Stream>();
  epoch = 0;
  /** Monotonic time of the newest message of the present publisher, or of its coming. */
  heardAtMs = 0;
  /** True while it was admitted without the room service, until that agrees. */
  provisional = false;
  /** True where its publisher is: this edge answers to the room service for it. False for copies. */
  isOwner = false;
  /** The span that viewers' joins belong to. */
  trace: StreamTrace | undefined;
  /** What it is made of. */
  readonly codecs: Readonly<Pick<StreamCodecs, 'video' | 'audio'>>;
  readonly #codecs = new StreamCodecs();
  readonly #options: StreamOptions;
  readonly #cache = new GopCache();
  readonly #timeline = new Timeline();
  readonly #encoder = new TagEncoder();
  #inBand = new InBandSets();
  readonly #audiences: Readonly<{ realtime: Audience; low: Cohorts; economy: Cohorts }>;
  readonly #waiting: WaitingViewers;
  readonly #outputs = new Set<StreamOutput>();
  #state: StreamState = 'starting';
  #publisher: Publisher | undefined;
  /** Until when a track of the present publisher may still turn up; undefined before its first message. */
  #tracksDueMs: number | undefined;
  #hasSettledTracks = false;
  /** Viewers need not wait any more: what they have to decode is known. */
  #isOpen = false;
  #awaitsFirstPicture = true;
  #holdTimer: NodeJS.Timeout | undefined;
  #rideTimer: NodeJS.Timeout | undefined;
  #pictureIn = false;

  constructor(options: StreamOptions) {
    const { config, events } = options;
    this.identity = options.identity;
    this.codecs = this.#codecs;
    this.#options = options;
    this.beganAtMs = options.clock.nowMs();
    const { counters, joinSeconds } = events;
    const tally = (): Tally =>
      new Tally({ clock: options.clock, counters, joinSeconds, countsPlays: () => events.countsPlays() });
    this.tallies = { realtime: tally(), low: tally(), economy: tally() };
    this.stats = new StreamStats({ clock: options.clock, bytesOut: () => this.bytesOut });
    this.#audiences = {
      realtime: new Audience(this.#audience('realtime')),
      low: new Cohorts({ ...this.#audience('low'), tickMs: config.lowTickMs }),
      economy: new Cohorts({ ...this.#audience('economy'), tickMs: config.economyTickMs }),
    };
    this.#waiting = new WaitingViewers({
      waitMsMax: viewerWaitMsMax,
      onExpired: () => events.counters.viewersWaitedInVain++,
    });
  }

  get roomId(): number {
    return this.identity.roomId;
  }

  /** What names it in addresses: the room, and its rung if it is one. */
  get key(): string {
    const { roomId, rendition } = this.identity;
    return rendition === undefined ? String(roomId) : `${roomId}_${rendition}`;
  }

  get state(): StreamState {
    return this.#state;
  }

  get viewerCount(): number {
    const { realtime, low, economy } = this.#audiences;
    const own = realtime.size + low.size + economy.size + this.#waiting.size + this.players.count;
    return this.#withRenditions(own, (stream) => stream.viewerCount);
  }

  /** It is known to have no sound. */
  get isSilent(): boolean {
    return this.#isOpen && !this.#cache.hasAudio;
  }

  get publisher(): Publisher | undefined {
    return this.#publisher;
  }

  /** Set-up of its pictures. */
  get videoHeader(): Tag | undefined {
    return this.#cache.headers.find(({ kind }) => kind === 'video');
  }

  get gopBytes(): number {
    return this.#cache.bytes;
  }

  get outputCount(): number {
    return this.#outputs.size;
  }

  /** Time of the newest tag. */
  get positionMs(): number {
    return this.#timeline.positionMs;
  }

  /** Written to viewers since the stream began. */
  get bytesOut(): number {
    const { realtime, low, economy } = this.tallies;
    const own = realtime.bytesOut + low.bytesOut + economy.bytesOut + this.players.bytesOut;
    return this.#withRenditions(own, (stream) => stream.bytesOut);
  }

  /** Timestamps that were replaced. */
  get timestampJumps(): number {
    return this.#timeline.jumps;
  }

  /** Set-up and metadata that a new viewer would get. */
  get headers(): readonly Tag[] {
    return this.#cache.headers;
  }

  viewers(): Viewer[] {
    const own = [...Object.values(this.#audiences).flatMap((audience) => audience.viewers), ...this.#waiting];
    return [...own, ...[...this.renditions.values()].flatMap((stream) => stream.viewers())];
  }

  /**
   * A publisher with a newer epoch speaks from now on; the one before is told and closed. Viewers keep what they
   * have until its first key frame.
   * @param liveMs for tags of another stream, of this edge or another, the newest time that it has sent; see `Timeline.follow`
   */
  attach(publisher: Publisher, epoch: number, liveMs?: number): void {
    const before = this.#publisher;
    this.#publisher = publisher;
    this.epoch = epoch;
    this.heardAtMs = this.#options.clock.monotonicMs();
    this.#stopHold();
    if (liveMs === undefined) this.#timeline.join();
    // A change of publisher there is none of the clock.
    else if (!before) this.#timeline.follow(liveMs);
    this.#encoder.beginPublisher();
    this.#inBand = new InBandSets();
    this.#cache.beginPublisher();
    this.#codecs.beginPublisher();
    this.stats.beginPublisher();
    for (const output of this.#outputs) output.beginPublisher();
    this.#tracksDueMs = undefined;
    this.#hasSettledTracks = false;
    this.#awaitsFirstPicture = true;
    if (before) {
      this.#options.events.takenOver(this.roomId, epoch);
      before.close('NetStream.Publish.BadName', 'a newer publisher has taken over');
    }
    this.#setState(this.#isOpen ? 'live' : 'starting', 'publisher attached');
  }

  /** The publisher is gone; anyone but the present one is none of our business. */
  detach(publisher: Publisher, reason: string): void {
    if (publisher !== this.#publisher) return;
    this.#publisher = undefined;
    this.#beginHold(reason);
  }

  /** One RTMP media message of the present publisher; others are not heard. */
  append(publisher: Publisher, { kind, timestampMs, payload }: StreamMessage): void {
    if (publisher !== this.#publisher) return;
    const { clock, events } = this.#options;
    const nowMs = clock.monotonicMs();
    this.heardAtMs = nowMs;
    const jumps = this.#timeline.jumps;
    const outMs = this.#timeline.correct(kind, timestampMs, nowMs);
    events.counters.timestampJumps += this.#timeline.jumps - jumps;
    events.counters.bytesIn += payload.length;
    this.#settleTracks(nowMs);
    const tag = this.#add(kind, outMs, payload);
    if (tag) this.stats.count(tag);
    if (!this.#isOpen && this.#knowsTracks()) this.#open();
  }

  /** All messages of one socket read have been appended: realtime viewers get their pictures now. */
  endOfRead(): void {
    const { hasPending } = this.#audiences.realtime;
    if (!hasPending || this.#pictureIn || !this.#cache.hasVideo) this.#flushRealtime();
    else this.#rideTimer ??= setTimeout(this.#flushRealtime, audioRideMs);
  }

  /** Takes a viewer in; it waits until the stream knows its tracks, and is closed when there is none any more. */
  join(viewer: Viewer): void {
    this.tallies[viewer.latency].viewers[viewer.framing]++;
    this.#place(viewer);
  }

  #place(viewer: Viewer): void {
    if (this.#state === 'ended') viewer.end();
    else if (this.#isOpen) this.#admit(viewer);
    else this.#waiting.add(viewer);
  }

  #admit(viewer: Viewer): void {
    this.#audiences[viewer.latency].join(viewer);
    if (viewer.wanted === 'audio' && this.isSilent) viewer.end();
  }

  /** Call once when the socket of a viewer that joined has closed. */
  leave(viewer: Viewer): void {
    viewer.closed = true;
    this.tallies[viewer.latency].viewers[viewer.framing]--;
    if (this.#state === 'ended' || this.#waiting.remove(viewer)) return;
    this.#audiences[viewer.latency].leave(viewer);
  }

  /** From when the tracks are known until its end or removal, an output gets what viewers get. */
  addOutput(output: StreamOutput): void {
    this.#outputs.add(output);
    if (this.#isOpen) this.#beginOutput(output);
  }

  removeOutput(output: StreamOutput): void {
    this.#outputs.delete(output);
  }

  /** The end: the publisher is closed, viewers get what is pending and then the end of their stream. */
  end(reason: string): void {
    if (this.#state === 'ended') return;
    this.#stopHold();
    clearTimeout(this.#rideTimer);
    const publisher = this.#publisher;
    this.#publisher = undefined;
    publisher?.close('NetStream.Unpublish.Success', reason);
    for (const audience of Object.values(this.#audiences)) audience.end();
    for (const viewer of this.#waiting.take()) viewer.end();
    for (const output of this.#outputs) output.end(reason);
    this.#outputs.clear();
    if (this.identity.rendition === undefined) {
      this.#options.events.ended(this.roomId, this.epoch, reason);
    }
    this.#setState('ended', reason);
  }

  #withRenditions(own: number, read: (stream: Stream) => number): number {
    let sum = own;
    for (const stream of this.renditions.values()) sum += read(stream);
    return sum;
  }

  #audience(latency: Latency): AudienceOptions {
    const { fanout, events } = this.#options;
    const joinPoint = (sequence: number, wanted: Wanted): JoinPoint =>
      wanted === 'audio' ? this.#soundJoinPoint(sequence) : this.#joinPoint(sequence);
    const backlogScale = (): number => this.#backlogScale();
    return { latency, fanout, joinPoint, backlogScale, counters: events.counters };
  }

  /** The limits in bytes hold for streams up to one such limit a second; above, they are seconds. */
  #backlogScale(): number {
    return Math.max(1, this.stats.bitsPerSecond / 8 / this.#options.config.slowDisposableBytes);
  }

  #add(kind: TrackKind, timestampMs: number, payload: Buffer): Tag | undefined {
    if (kind === 'video') {
      if (this.#inBand.isOutdated(payload)) return undefined;
      const setUp = this.#inBand.setUpBefore(payload);
      if (setUp) this.#encode(kind, timestampMs, setUp);
    }
    return this.#encode(kind, timestampMs, payload);
  }

  #encode(kind: TrackKind, timestampMs: number, payload: Buffer): Tag | undefined {
    const { counters } = this.#options.events;
    const tag = this.#encoder.encode(kind, timestampMs, payload);
    if (typeof tag === 'string') {
      if (tag === 'malformed') counters.tagsMalformed++;
      else this.#cache.noteTrack(kind);
      return undefined;
    }
    counters.tagsIn++;
    if (this.#codecs.note(tag)) this.#codecsChanged();
    if (kind === 'video') this.#pictureIn = true;
    this.#distribute(tag);
    if (tag.keyFrame && this.#awaitsFirstPicture) this.#showFirstPicture();
    return tag;
  }

  #distribute(tag: Tag): void {
    const overflows = this.#cache.overflows;
    this.#cache.add(tag);
    this.#options.events.counters.gopOverflows += this.#cache.overflows - overflows;
    const { realtime, low, economy } = this.#audiences;
    realtime.add(tag);
    low.add(tag);
    economy.add(tag);
    if (this.#isOpen) for (const output of this.#outputs) output.add(tag);
  }

  #beginOutput(output: StreamOutput): void {
    output.begin([...this.#cache.headers, ...this.#cache.upTo(Infinity)]);
  }

  /** The first picture of a publisher waits for no tick: whoever has been looking at a hold sees it at once. */
  #showFirstPicture(): void {
    this.#awaitsFirstPicture = false;
    this.trace?.pictureIn();
    for (const audience of Object.values(this.#audiences)) audience.flush();
  }

  /** A publisher that has had its time is taken by the tracks that it has sent. */
  #settleTracks(nowMs: number): void {
    this.#tracksDueMs ??= nowMs + trackWaitMs;
    if (this.#hasSettledTracks || nowMs < this.#tracksDueMs) return;
    this.#hasSettledTracks = true;
    const gone = this.#cache.settleTracks();
    for (const kind of gone) this.#encoder.forget(kind);
    this.#codecs.forget(gone);
    if (gone.length === 0) return;
    for (const output of this.#outputs) output.forget(gone);
    this.#codecsChanged();
  }

  /** Both are there, or the missing one has had its time. */
  #knowsTracks(): boolean {
    const { hasAudio, hasVideo, keyFrame } = this.#cache;
    const hasOne = hasVideo ? keyFrame !== undefined : hasAudio;
    return hasOne && ((hasVideo && hasAudio) || this.#hasSettledTracks);
  }

  #open(): void {
    // Those that come with the change of state are begun as they come.
    const outputs = [...this.#outputs];
    this.#isOpen = true;
    this.#setState('live', 'tracks are known');
    for (const viewer of this.#waiting.take()) this.#place(viewer);
    for (const output of outputs) this.#beginOutput(output);
  }

  #joinPoint(sequence: number): JoinPoint {
    const { hasAudio, hasVideo, headers } = this.#cache;
    const tags = this.#cache.upTo(sequence);
    const opening = new Payload([...headers, ...tags.slice(0, 1)], [encodeFlvHeader({ hasAudio, hasVideo })]);
    return { opening, rest: new Payload(tags.slice(1)), hasPicture: tags.length > 0 || !hasVideo };
  }

  #soundJoinPoint(sequence: number): JoinPoint {
    const tags = soundTags([...this.#cache.headers, ...this.#cache.recentUpTo(sequence)]);
    const flvHeader = encodeFlvHeader({ hasAudio: true, hasVideo: false });
    return { opening: new Payload(tags, [flvHeader]), rest: new Payload([]), hasPicture: true };
  }

  readonly #flushRealtime = (): void => {
    clearTimeout(this.#rideTimer);
    this.#rideTimer = undefined;
    this.#pictureIn = false;
    this.#audiences.realtime.flush();
  };

  #beginHold(reason: string): void {
    const { clock, events } = this.#options;
    events.held(this.roomId, this.epoch, reason);
    this.#setState('hold', reason);
    const picture = new HoldPicture(this.#cache);
    let lastMs = clock.monotonicMs();
    const endsAtMs = lastMs + this.identity.holdMs;
    this.#holdTimer = setInterval(() => {
      const nowMs = clock.monotonicMs();
      if (nowMs >= endsAtMs) return this.end('hold_expired');
      this.#extend(picture, nowMs, nowMs - lastMs);
      lastMs = nowMs;
    }, holdTickMs);
  }

  #extend(picture: HoldPicture, nowMs: number, elapsedMs: number): void {
    for (const { kind, beforeMs, payload } of picture.messages(elapsedMs)) {
      this.#add(kind, this.#timeline.extend(kind, nowMs, -beforeMs), payload);
    }
    this.#flushRealtime();
  }

  #codecsChanged(): void {
    if (this.#state === 'live') this.#options.onCodecs?.(this);
  }

  #stopHold(): void {
    clearInterval(this.#holdTimer);
    this.#holdTimer = undefined;
  }

  #setState(state: StreamState, reason: string): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.onState(this, reason);
  }
}
