import type { Clock } from '@gala/lib/clock';
import type { Tag } from './tag.ts';

export interface StreamStatsOptions {
  readonly clock: Clock;
  /** Bytes that viewers were sent since the stream began. */
  readonly bytesOut?: () => number;
}

/** Arrival of what an encoder had kept back has settled when it ran ahead by no more than `rushMs` in this time. */
const settleMs = 2_000;
const rushMs = 200;
/** Whoever still runs ahead after this time has a fast clock; drift counts from there at the latest. */
const settleMsMax = 20_000;
const jitterWeight = 1 / 16;
const skewWeight = 1 / 32;

/** What can be measured of a stream while it passes, as plain numbers. Rates are of the last whole second. */
export class StreamStats {
  readonly #clock: Clock;
  readonly #sent: () => number;
  #secondBeganMs: number;
  #bytes = 0;
  #sentBefore = 0;
  #pictures = 0;
  #lastKeyFrameMs = -1;
  #bitsPerSecond = 0;
  #bitsOutPerSecond = 0;
  #framesPerSecond = 0;
  #lastMs = { audio: -1, video: -1 };
  #lastAheadMs = 0;
  #publisherSinceMs = -1;
  /** Begin of the present look at whether arrival has settled, and how far ahead stream time was then. */
  #lookSinceMs = 0;
  #lookAheadMs = 0;
  #isSettled = false;
  /** Drift counts from here. */
  #firstAheadMs = 0;
  /** Distance between the last two key frames, in stream time. */
  gopMs = 0;
  /** Media received, in FLV. */
  bytesIn = 0;
  /** How unevenly pictures (without any: sound) arrive, as RFC 3550, 6.4.1 computes it. */
  jitterMs = 0;
  /** How far the newest sound is behind the newest picture in stream time, smoothed; near 0 when both are in step. */
  skewMs = 0;
  /** How far stream time has run ahead of the wall clock since the publisher came. */
  driftMs = 0;

  constructor({ clock, bytesOut = () => 0 }: StreamStatsOptions) {
    this.#clock = clock;
    this.#sent = bytesOut;
    this.#secondBeganMs = clock.monotonicMs();
  }

  get bitsPerSecond(): number {
    this.#roll(this.#clock.monotonicMs());
    return this.#bitsPerSecond;
  }

  get bitsOutPerSecond(): number {
    this.#roll(this.#clock.monotonicMs());
    return this.#bitsOutPerSecond;
  }

  get framesPerSecond(): number {
    this.#roll(this.#clock.monotonicMs());
    return this.#framesPerSecond;
  }

  /** Another publisher has another clock and another way to us. */
  beginPublisher(): void {
    this.#publisherSinceMs = -1;
    this.#isSettled = false;
    this.#lastMs.audio = -1;
    this.#lastMs.video = -1;
    this.jitterMs = 0;
    this.skewMs = 0;
    this.driftMs = 0;
  }

  count(tag: Tag): void {
    const nowMs = this.#clock.monotonicMs();
    this.#roll(nowMs);
    this.#bytes += tag.bytes.length;
    this.bytesIn += tag.bytes.length;
    if (tag.sequenceHeader || tag.kind === 'data') return;
    if (tag.kind === 'video') {
      this.#pictures++;
      if (tag.keyFrame) this.#keyFrame(tag.timestampMs);
    }
    this.#followClock(tag, nowMs);
  }

  #keyFrame(timestampMs: number): void {
    if (this.#lastKeyFrameMs >= 0) this.gopMs = timestampMs - this.#lastKeyFrameMs;
    this.#lastKeyFrameMs = timestampMs;
  }

  #followClock({ kind, timestampMs }: Tag, nowMs: number): void {
    const last = this.#lastMs;
    if (kind === 'video' || last.video < 0) this.#followArrival(timestampMs - nowMs, nowMs);
    last[kind as 'audio' | 'video'] = timestampMs;
    if (last.audio < 0 || last.video < 0) return;
    this.skewMs += (last.video - last.audio - this.skewMs) * skewWeight;
  }

  /** @param aheadMs stream time minus wall clock */
  #followArrival(aheadMs: number, nowMs: number): void {
    if (this.#publisherSinceMs < 0) {
      this.#publisherSinceMs = nowMs;
      this.#lookSinceMs = nowMs;
      this.#lookAheadMs = aheadMs;
      this.#firstAheadMs = aheadMs;
    } else {
      this.jitterMs += (Math.abs(aheadMs - this.#lastAheadMs) - this.jitterMs) * jitterWeight;
    }
    this.#lastAheadMs = aheadMs;
    if (nowMs - this.#lookSinceMs > settleMs) this.#lookWhetherSettled(nowMs);
    if (this.#isSettled) this.driftMs = aheadMs - this.#firstAheadMs;
    else this.#firstAheadMs = Math.max(this.#firstAheadMs, aheadMs);
  }

  /** A publisher that was held up at its start sends faster than real time until it has caught up. */
  #lookWhetherSettled(nowMs: number): void {
    const isRushing = this.#firstAheadMs - this.#lookAheadMs > rushMs;
    this.#isSettled ||= !isRushing || nowMs - this.#publisherSinceMs > settleMsMax;
    this.#lookSinceMs = nowMs;
    this.#lookAheadMs = this.#firstAheadMs;
  }

  #roll(nowMs: number): void {
    const elapsedMs = nowMs - this.#secondBeganMs;
    if (elapsedMs < 1000) return;
    const sent = this.#sent();
    this.#bitsPerSecond = Math.round((this.#bytes * 8000) / elapsedMs);
    this.#bitsOutPerSecond = Math.round(((sent - this.#sentBefore) * 8000) / elapsedMs);
    this.#framesPerSecond = Math.round((this.#pictures * 10_000) / elapsedMs) / 10;
    this.#secondBeganMs += elapsedMs;
    this.#sentBefore = sent;
    this.#bytes = 0;
    this.#pictures = 0;
  }
}
