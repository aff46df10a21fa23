import type { Tag } from './tag.ts';
import type { TrackKind } from './timeline.ts';

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

/** The order in which players want the set-up of a stream. */
const headerOrder: readonly TrackKind[] = ['data', 'video', 'audio'];

/**
 * What a new viewer needs to see a picture at once: metadata and sequence headers, and all tags since the last
 * key frame. Set-up that changes within a group of pictures stays in its place, so that every tag meets the
 * decoder it was made for. Bounded by tags, by bytes and, without video, by time; over a bound it forgets the
 * group of pictures, so that new viewers wait for the next key frame, and counts that.
 */
export class GopCache {
  readonly #limits: GopCacheLimits;
  #tags: Tag[] = [];
  #bytes = 0;
  /** The newest set-up of each kind. */
  readonly #newest = new Map<TrackKind, Tag>();
  /** The set-up that the first of `#tags` was made for. */
  #opening: ReadonlyMap<TrackKind, Tag> = new Map();
  #tracks = new Set<TrackKind>();
  /** Kinds that the present publisher has sent. */
  #sent = new Set<TrackKind>();
  overflows = 0;

  constructor(limits: GopCacheLimits = gopCacheLimits) {
    this.#limits = limits;
  }

  get hasVideo(): boolean {
    return this.#tracks.has('video');
  }

  get hasAudio(): boolean {
    return this.#tracks.has('audio');
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The newest sound set-up. */
  get audioHeader(): Tag | undefined {
    return this.#newest.get('audio');
  }

  /** The last key frame, for the hold picture. */
  get keyFrame(): Tag | undefined {
    return this.#tags.find((tag) => tag.keyFrame);
  }

  /** Metadata and sequence headers that go before what `upTo` gives. */
  get headers(): Tag[] {
    const headers = this.#tags.length > 0 ? this.#opening : this.#newest;
    return headerOrder.map((kind) => headers.get(kind)).filter((tag) => tag !== undefined);
  }

  add(tag: Tag): void {
    this.noteTrack(tag.kind);
    if (tag.sequenceHeader) this.#newest.set(tag.kind, tag);
    if (!tag.sequenceHeader || this.#tags.length > 0) this.#append(tag);
  }

  /** The publisher has sent something of this kind, if only set-up that is known already. */
  noteTrack(kind: TrackKind): void {
    this.#sent.add(kind);
    this.#tracks.add(kind);
  }

  /** Tags since the last key frame up to and including `sequence`. */
  upTo(sequence: number): Tag[] {
    return this.#tags.filter((tag) => tag.sequence <= sequence);
  }

  /** The same without what is older than a stream of sound alone would keep, but for set-up. */
  recentUpTo(sequence: number): Tag[] {
    const tags = this.upTo(sequence);
    const oldestMs = (tags.at(-1)?.timestampMs ?? 0) - this.#limits.audioOnlyMs;
    return tags.filter((tag) => tag.sequenceHeader || tag.timestampMs >= oldestMs);
  }

  /** Another publisher speaks from now on; it is taken to have the same tracks until `settleTracks`. */
  beginPublisher(): void {
    this.#sent = new Set();
  }

  /** Forgets tracks that the present publisher has not sent, and names them: no player shall wait for them. */
  settleTracks(): readonly TrackKind[] {
    const gone = [...this.#tracks].filter((kind) => !this.#sent.has(kind));
    for (const kind of gone) this.#newest.delete(kind);
    this.#tracks = new Set(this.#sent);
    if (gone.includes('video')) this.#clearTags();
    return gone;
  }

  #append(tag: Tag): void {
    if (tag.keyFrame) this.#clearTags();
    if (this.#tags.length === 0) {
      if (this.hasVideo && !tag.keyFrame) return;
      this.#opening = new Map(this.#newest);
    }
    this.#tags.push(tag);
    this.#bytes += tag.bytes.length;
    if (!this.hasVideo) this.#trimAudio(tag.timestampMs);
    if (this.#tags.length > this.#limits.tagsMax || this.#bytes > this.#limits.bytesMax) this.#overflow();
  }

  #trimAudio(nowMs: number): void {
    const oldest = nowMs - this.#limits.audioOnlyMs;
    while (this.#tags.length > 1 && this.#tags[0].timestampMs < oldest) {
      const first = this.#tags.shift()!;
      this.#bytes -= first.bytes.length;
      if (first.sequenceHeader) this.#opening = new Map(this.#opening).set(first.kind, first);
    }
  }

  #clearTags(): void {
    this.#tags = [];
    this.#bytes = 0;
  }

  #overflow(): void {
    this.overflows++;
    this.#clearTags();
  }
}
