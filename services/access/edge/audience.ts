import { Batch } from './batch.ts';
import type { Fanout } from './fanout.ts';
import type { Payload } from './payload.ts';
import type { Wanted } from './play-request.ts';
import { sizeOf, type Tag } from './tag.ts';
import type { Latency, Viewer } from './viewer.ts';

/** Tags that may wait while a fan-out is under way; beyond it pictures are dropped, and counted. */
const pendingBytesMax = 16 * 1024 * 1024;

/**
 * The state of a stream as a new viewer gets it, shared by all who join in the same tick. When thousands come at once
 * the openings of all of them go out before what is behind: a picture is seen at the opening.
 */
export interface JoinPoint {
  /** Set-up and the key frame. */
  readonly opening: Payload;
  /** All since the key frame. */
  readonly rest: Payload;
  readonly hasPicture: boolean;
}

export interface AudienceOptions {
  readonly latency: Latency;
  readonly fanout: Fanout;
  /** Makes the join payload that ends at tag `sequence`. */
  readonly joinPoint: (sequence: number, wanted: Wanted) => JoinPoint;
  /** How often a tick ends by itself while there are viewers; without it the owner calls `flush`. */
  readonly tickMs?: number;
  /** Where in the tick, on the monotonic clock, it ends. */
  readonly phaseMs?: number;
  /** See Batch; asked once a tick. */
  readonly backlogScale?: () => number;
  readonly counters: { pendingOverflows: number };
}

/**
 * All viewers of one stream at one latency. Tags collect until the tick; then they become one batch that the
 * fan-out writes to everybody. While a fan-out is still under way the next tick waits and grows instead, so an
 * overloaded process sends fewer, larger batches.
 */
export class Audience {
  readonly latency: Latency;
  readonly #options: AudienceOptions;
  #viewers: Viewer[] = [];
  #size = 0;
  #pending: Tag[] = [];
  #pendingBytes = 0;
  #tick = 0;
  #lastSequence = 0;
  /** The join points at the present end, made when the first viewer needs them. */
  #wholeJoin: JoinPoint | undefined;
  #soundJoin: JoinPoint | undefined;
  #busy = false;
  #awaitsKeyFrame = false;
  #ticker: NodeJS.Timeout | undefined;

  constructor(options: AudienceOptions) {
    this.latency = options.latency;
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  get viewers(): readonly Viewer[] {
    return this.#viewers.filter((viewer) => !viewer.closed);
  }

  /** Keeps a tag for the next tick. Without viewers only its sequence matters: the next join ends there. */
  add(tag: Tag): void {
    if (this.#size === 0 && !this.#busy) {
      this.#takePending();
      this.#endJoinAt(tag);
      return;
    }
    if (this.#awaitsKeyFrame && this.#isUseless(tag)) return;
    this.#pending.push(tag);
    this.#pendingBytes += tag.bytes.length;
    if (this.#pendingBytes > pendingBytesMax) this.#dropPending();
  }

  /** Gives a viewer everything up to the last tick; from the next tick on it gets what the others get. */
  join(viewer: Viewer): void {
    const point = this.#joinPointFor(viewer.wanted);
    viewer.firstTick = this.#tick + 1;
    this.#viewers.push(viewer);
    this.#size++;
    this.#startTicking();
    viewer.begin(point);
    if (!point.rest.isEmpty) this.#options.fanout.finishJoin(viewer);
  }

  /** Call once when the viewer's socket has closed. */
  leave(viewer: Viewer): void {
    viewer.closed = true;
    this.#size--;
    if (this.#size === 0) this.#stopTicking();
    if (!this.#busy) this.#compact();
  }

  /** Ends a tick: what is pending goes out as one batch. */
  flush(): void {
    if (this.#busy || this.#pending.length === 0) return;
    const tags = this.#takePending();
    this.#endJoinAt(tags[tags.length - 1]);
    if (this.#size === 0) return;
    this.#busy = true;
    const batch = new Batch(++this.#tick, tags, this.#options.backlogScale?.());
    this.#options.fanout.submit({
      viewers: this.#viewers,
      batch,
      urgent: this.latency === 'realtime',
      done: this.#done,
    });
  }

  /** The end of the stream: what is pending goes to those whom it still reaches, then all are closed. */
  end(): void {
    this.#stopTicking();
    this.flush();
    for (const viewer of this.#viewers) viewer.end();
  }

  readonly #done = (): void => {
    this.#busy = false;
    this.#compact();
  };

  #joinPointFor(wanted: Wanted): JoinPoint {
    const make = (): JoinPoint => this.#options.joinPoint(this.#lastSequence, wanted);
    return wanted === 'audio' ? (this.#soundJoin ??= make()) : (this.#wholeJoin ??= make());
  }

  #endJoinAt({ sequence }: Tag): void {
    this.#lastSequence = sequence;
    this.#wholeJoin = undefined;
    this.#soundJoin = undefined;
  }

  #startTicking(): void {
    const { tickMs } = this.#options;
    if (tickMs !== undefined) this.#ticker ??= setTimeout(this.#endTick, this.#msToTick(tickMs));
  }

  readonly #endTick = (): void => {
    this.flush();
    this.#stopTicking();
    if (this.#size > 0) this.#startTicking();
  };

  /** Counted from the phase, so that late timers do not add up and audiences stay apart. */
  #msToTick(tickMs: number): number {
    const { phaseMs = 0 } = this.#options;
    const leftMs = tickMs - ((performance.now() + tickMs - (phaseMs % tickMs)) % tickMs);
    // A timer that was early by a part of a millisecond has had this tick.
    return leftMs < 2 ? leftMs + tickMs : leftMs;
  }

  #stopTicking(): void {
    clearTimeout(this.#ticker);
    this.#ticker = undefined;
  }

  /** True for pictures that refer to dropped ones. */
  #isUseless(tag: Tag): boolean {
    if (tag.keyFrame) this.#awaitsKeyFrame = false;
    return this.#awaitsKeyFrame && tag.kind === 'video' && !tag.sequenceHeader;
  }

  #takePending(): Tag[] {
    const tags = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    return tags;
  }

  #compact(): void {
    if (this.#viewers.length > this.#size) this.#viewers = this.#viewers.filter((viewer) => !viewer.closed);
  }

  /** Keeps sequence headers and what follows the newest key frame; not even that when it alone is too much. */
  #dropPending(): void {
    this.#options.counters.pendingOverflows++;
    const keyIndex = this.#pending.findLastIndex((tag) => tag.keyFrame);
    this.#awaitsKeyFrame = keyIndex <= 0;
    const from = keyIndex > 0 ? keyIndex : this.#pending.length;
    this.#pending = this.#pending.filter((tag, index) => tag.sequenceHeader || index >= from);
    this.#pendingBytes = sizeOf(this.#pending);
  }
}
