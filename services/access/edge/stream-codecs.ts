import { MediaError } from '@gala/media/error';
import { parseAudioTag, parseVideoTag } from '@gala/media/flv';
import { codecString, FlvUnitReader, Mp4Error } from '@gala/media/mp4';
import { payloadOf, type Tag } from './tag.ts';
import type { TrackKind } from './timeline.ts';

/** Codecs that FLV carries and MP4 has no form for here, as far as RFC 6381 has a name for them. */
const otherNames: Readonly<Record<string, string>> = { vp8: 'vp08.00.10.08', vvc: 'vvc1' };

/**
 * What a stream is made of, as RFC 6381 names it, and what to call the rest; empty for a track that is not sent or
 * not known yet. Looks into set-up, and into coded tags only until they are known, so it costs nothing per tag.
 */
export class StreamCodecs {
  video = '';
  audio = '';
  readonly #reader = new FlvUnitReader();
  /** Tracks of which nothing new comes but by set-up. */
  readonly #settled = { video: false, audio: false };

  /** True when a tag has told something new. */
  note(tag: Tag): boolean {
    const { kind, sequenceHeader } = tag;
    if (kind === 'data' || (this.#settled[kind] && !sequenceHeader)) return false;
    const name = this.#nameIn(kind, payloadOf(tag));
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

  #nameIn(kind: 'video' | 'audio', payload: Buffer): string | undefined {
    const unsupported = this.#reader.unsupportedTags;
    try {
      const { config, unit } = this.#reader.read({ type: kind, payload }, 0);
      this.#settled[kind] = unit !== undefined;
      if (config) return codecString(config);
      if (this.#reader.unsupportedTags === unsupported) return undefined;
      this.#settled[kind] = true;
      return otherName(kind, payload);
    } catch (error) {
      if (error instanceof MediaError || error instanceof Mp4Error) return undefined;
      throw error;
    }
  }
}

function otherName(kind: 'video' | 'audio', payload: Buffer): string {
  const { codec } = kind === 'video' ? parseVideoTag(payload) : parseAudioTag(payload);
  return otherNames[codec] ?? codec;
}
