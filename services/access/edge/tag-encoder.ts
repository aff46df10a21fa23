import { MediaError } from '@gala/media/error';
import { decodeMetadata, encodeTag, isDisposableVideo, parseAudioTag, parseVideoTag } from '@gala/media/flv';
import { stripDataFrame } from '@gala/media/rtmp';
import type { Tag } from './tag.ts';
import type { TrackKind } from './timeline.ts';

type Traits = Pick<Tag, 'keyFrame' | 'sequenceHeader' | 'disposable'>;

const plain: Traits = { keyFrame: false, sequenceHeader: false, disposable: false };
const keyFrame: Traits = { ...plain, keyFrame: true };
const sequenceHeader: Traits = { ...plain, sequenceHeader: true };
const disposable: Traits = { ...plain, disposable: true };
const wrap = 2 ** 32;

/** Why a message became no tag. */
export type Skipped = 'malformed' | 'repeated' | 'undecodable';

/**
 * Turns RTMP messages into FLV tags, the one encoding that every viewer shares. It keeps the sequence of the
 * stream, and leaves out what no viewer can use: set-up that repeats what is known (players rebuild their
 * decoder for it) and pictures before the publisher's first key frame.
 */
export class TagEncoder {
  #sequence = 0;
  readonly #known = new Map<TrackKind, Buffer>();
  #needsKeyFrame = true;

  /** A new publisher: its pictures count from its first key frame on. */
  beginPublisher(): void {
    this.#needsKeyFrame = true;
  }

  encode(kind: TrackKind, timestampMs: number, message: Buffer): Tag | Skipped {
    const payload = kind === 'data' ? stripDataFrame(message) : message;
    const traits = traitsOf(kind, payload);
    if (!traits) return 'malformed';
    if (traits.sequenceHeader && this.#repeats(kind, payload)) return 'repeated';
    if (kind === 'video' && !this.#decodable(traits)) return 'undecodable';
    const bytes = encodeTag({ type: kind, timestampMs: timestampMs % wrap, payload });
    return { kind, sequence: ++this.#sequence, timestampMs, ...traits, bytes };
  }

  #repeats(kind: TrackKind, payload: Buffer): boolean {
    if (this.#known.get(kind)?.equals(payload)) return true;
    // A copy: the payload is part of a whole socket read, which would live as long as the stream.
    this.#known.set(kind, Buffer.from(payload));
    return false;
  }

  #decodable(traits: Traits): boolean {
    if (traits.keyFrame) this.#needsKeyFrame = false;
    return traits.sequenceHeader || !this.#needsKeyFrame;
  }
}

function traitsOf(kind: TrackKind, payload: Buffer): Traits | undefined {
  try {
    if (kind === 'video') return videoTraits(payload);
    if (kind === 'audio') return parseAudioTag(payload).isSequenceHeader ? sequenceHeader : plain;
    return decodeMetadata(payload) ? sequenceHeader : plain;
  } catch (error) {
    if (error instanceof MediaError) return undefined;
    throw error;
  }
}

function videoTraits(payload: Buffer): Traits {
  const tag = parseVideoTag(payload);
  if (tag.isSequenceHeader) return sequenceHeader;
  if (tag.isKeyFrame) return keyFrame;
  return isDisposableVideo(payload, tag) ? disposable : plain;
}
