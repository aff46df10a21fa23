import type { Clock } from '@gala/lib/clock';
import type { Tag } from './tag.ts';

/** Rates over the last whole second of what a publisher sends, as plain numbers. */
export class StreamStats {
  readonly #clock: Clock;
  #secondBeganMs: number;
  #bytes = 0;
  #pictures = 0;
  #lastKeyFrameMs = -1;
  #bitsPerSecond = 0;
  #framesPerSecond = 0;
  /** Distance between the last two key frames, in stream time. */
  gopMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#secondBeganMs = clock.monotonicMs();
  }

  get bitsPerSecond(): number {
    this.#roll();
    return this.#bitsPerSecond;
  }

  get framesPerSecond(): number {
    this.#roll();
    return this.#framesPerSecond;
  }

  count(tag: Tag): void {
    this.#roll();
    this.#bytes += tag.bytes.length;
    if (tag.kind !== 'video' || tag.sequenceHeader) return;
    this.#pictures++;
    if (tag.keyFrame) this.#keyFrame(tag.timestampMs);
  }

  #keyFrame(timestampMs: number): void {
    if (this.#lastKeyFrameMs >= 0) this.gopMs = timestampMs - this.#lastKeyFrameMs;
    this.#lastKeyFrameMs = timestampMs;
  }

  #roll(): void {
    const elapsedMs = this.#clock.monotonicMs() - this.#secondBeganMs;
    if (elapsedMs < 1000) return;
    this.#bitsPerSecond = Math.round((this.#bytes * 8000) / elapsedMs);
    this.#framesPerSecond = Math.round((this.#pictures * 10_000) / elapsedMs) / 10;
    this.#secondBeganMs += elapsedMs;
    this.#bytes = 0;
    this.#pictures = 0;
  }
}
