import { MediaError } from '@gala/media/error';
import { codecInFlv, Mp4Error, type FlvCodec } from '@gala/media/mp4';
import { payloadOf, type Tag } from './tag.ts';
import type { TrackKind } from './timeline.ts';

/**
 * What a stream is made of, as RFC 6381 names it; empty for a track that is not sent or not known yet. It looks into
 * set-up, and into the first of other tags, since some codecs have no set-up.
 */
export class StreamCodecs {
  video = '';
  audio = '';
  /** Tracks of which only set-up tells anything new. */
  readonly #settled = { video: false, audio: false };

  /** True when a tag has told something new. */
  note(tag: Tag): boolean {
    const { kind, sequenceHeader } = tag;
    if (kind === 'data' || (this.#settled[kind] && !sequenceHeader)) return false;
    const { name, isCoded } = codecIn(kind, payloadOf(tag));
    if (isCoded) this.#settled[kind] = true;
    if (name === undefined || name === this[kind]) return false;
    this[kind] = name;
    return true;
  }

  /** Another publisher may send other codecs; set-up that it repeats does not come here again. */
  beginPublisher(): void {
    this.#settled.video = this.#settled.audio = false;
  }

  /** These are not sent any more. */
  forget(kinds: readonly TrackKind[]): void {
    for (const kind of kinds) if (kind !== 'data') this[kind] = '';
  }
}

/** Tags that cannot be read say nothing: players may know better. */
function codecIn(type: 'video' | 'audio', payload: Buffer): FlvCodec {
  try {
    return codecInFlv({ type, payload });
  } catch (error) {
    if (error instanceof MediaError || error instanceof Mp4Error) return { name: undefined, isCoded: true };
    throw error;
  }
}
