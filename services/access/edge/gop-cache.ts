import type { Tag } from './tag.ts';

export interface GopCacheLimits {
  readonly tagsMax: number;
  readonly bytesMax: number;
  /** How much of a stream without pictures is kept. */
  readonly audioOnlyMs: number;
}

export const gopCacheLimits: GopCacheLimits = {
  tagsMax: 4096,
  bytesMax: 16 * 1024 * 1024,
  audioOnlyMs: 2000,
};

/**
 * What a new viewer needs to see a picture at once: metadata and sequence headers, and all tags since the last
 * key frame. Bounded by tags, by bytes and, without video, by time; over a bound it forgets the group of
 * pictures, so that new viewers wait for the next key frame, and counts that.
 */
export class GopCache {
  readonly #limits: GopCacheLimits;
  #tags: Tag[] = [];
  #bytes = 0;
  #metadata: Tag | undefined;
  #videoHeader: Tag | undefined;
  #audioHeader: Tag | undefined;
  #hasVideo = false;
  #hasAudio = false;
  overflows = 0;

  constructor(limits: GopCacheLimits = gopCacheLimits) {
    this.#limits = limits;
  }

  get hasVideo(): boolean {
    return this.#hasVideo;
  }

  get hasAudio(): boolean {
    return this.#hasAudio;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get audioHeader(): Tag | undefined {
    return this.#audioHeader;
  }

  get videoHeader(): Tag | undefined {
    return this.#videoHeader;
  }

  /** The last key frame, for the hold picture. */
  get keyFrame(): Tag | undefined {
    return this.#tags.find((tag) => tag.keyFrame);
  }

  /** Metadata and sequence headers in the order in which a player wants them. */
  get headers(): Tag[] {
    return [this.#metadata, this.#videoHeader, this.#audioHeader].filter((tag) => tag !== undefined);
  }

  add(tag: Tag): void {
    if (tag.kind === 'video') this.#hasVideo = true;
    if (tag.kind === 'audio') this.#hasAudio = true;
    if (tag.sequenceHeader) this.#setHeader(tag);
    else this.#append(tag);
  }

  /** Tags since the last key frame up to and including `sequence`. */
  upTo(sequence: number): Tag[] {
    return this.#tags.filter((tag) => tag.sequence <= sequence);
  }

  /** Forgets what a former publisher left, but not its sequence headers, which the next one may repeat. */
  clearTags(): void {
    this.#tags = [];
    this.#bytes = 0;
  }

  #setHeader(tag: Tag): void {
    if (tag.kind === 'video') this.#videoHeader = tag;
    else if (tag.kind === 'audio') this.#audioHeader = tag;
    else this.#metadata = tag;
  }

  #append(tag: Tag): void {
    if (tag.keyFrame) this.clearTags();
    const needsKeyFrame = this.#hasVideo && this.#tags.length === 0 && !tag.keyFrame;
    if (needsKeyFrame) return;
    this.#tags.push(tag);
    this.#bytes += tag.bytes.length;
    if (!this.#hasVideo) this.#trimAudio(tag.timestampMs);
    if (this.#tags.length > this.#limits.tagsMax || this.#bytes > this.#limits.bytesMax) this.#overflow();
  }

  #trimAudio(nowMs: number): void {
    const oldest = nowMs - this.#limits.audioOnlyMs;
    while (this.#tags.length > 1 && this.#tags[0].timestampMs < oldest) {
      this.#bytes -= this.#tags.shift()!.bytes.length;
    }
  }

  #overflow(): void {
    this.overflows++;
    this.clearTags();
  }
}
