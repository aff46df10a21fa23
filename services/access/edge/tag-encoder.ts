import { MediaError } from '@gala/media/error';
import { decodeMetadata, encodeTag, isDisposableVideo, parseAudioTag, parseVideoTag } from '@gala/media/flv';
import { parseAvcDecoderRecord, type NalLengthBytes } from '@gala/media/h264';
import { stripDataFrame } from '@gala/media/rtmp';
import { isReserved } from './script.ts';
import type { Tag } from './tag.ts';
import type { TrackKind } from './timeline.ts';

type Traits = Pick<Tag, 'keyFrame' | 'sequenceHeader' | 'disposable'>;

const plain: Traits = { keyFrame: false, sequenceHeader: false, disposable: false };
const keyFrame: Traits = { ...plain, keyFrame: true };
const sequenceHeader: Traits = { ...plain, sequenceHeader: true };
const disposable: Traits = { ...plain, disposable: true };
const timestampRange = 2 ** 32;

/**
 * Why a message became no tag: it cannot be parsed; it is set-up that viewers have; nothing can be decoded yet;
 * it ends the publisher's sequence, which is not the end of ours; it bears a name that only edges may use.
 */
export type Skipped = 'malformed' | 'repeated' | 'undecodable' | 'sequenceEnd' | 'reserved';

/**
 * Turns RTMP messages into FLV tags, the one encoding that every viewer shares. It keeps the sequence of the
 * stream, and leaves out what no viewer can use: set-up that repeats what is known (players rebuild their
 * decoder for it) and pictures before the publisher's first key frame.
 */
export class TagEncoder {
  #sequence = 0;
  readonly #known = new Map<TrackKind, Buffer>();
  #needsKeyFrame = true;
  #nalLengthBytes: NalLengthBytes = 4;

  /** A new publisher: its pictures count from its first key frame on. */
  beginPublisher(): void {
    this.#needsKeyFrame = true;
  }

  /** Viewers that come now do not get the set-up of this track any more, so it is no repetition if it returns. */
  forget(kind: TrackKind): void {
    this.#known.delete(kind);
  }

  encode(kind: TrackKind, timestampMs: number, message: Buffer): Tag | Skipped {
    const payload = kind === 'data' ? stripDataFrame(message) : message;
    const traits = this.#traitsOf(kind, payload);
    if (typeof traits === 'string') return traits;
    if (traits.sequenceHeader && this.#repeats(kind, payload)) return 'repeated';
    if (kind === 'video' && !this.#decodable(traits)) return 'undecodable';
    const bytes = encodeTag({ type: kind, timestampMs: timestampMs % timestampRange, payload });
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

  #traitsOf(kind: TrackKind, payload: Buffer): Traits | Skipped {
    try {
      if (kind === 'video') return this.#videoTraits(payload);
      if (kind === 'audio') return audioTraits(payload);
      if (isReserved(payload)) return 'reserved';
      return decodeMetadata(payload) ? sequenceHeader : plain;
    } catch (error) {
      if (error instanceof MediaError) return 'malformed';
      throw error;
    }
  }

  #videoTraits(payload: Buffer): Traits | Skipped {
    const tag = parseVideoTag(payload);
    if (tag.isEndOfSequence) return 'sequenceEnd';
    if (tag.isSequenceHeader) {
      if (tag.codec === 'h264') this.#nalLengthBytes = nalLengthBytesOf(payload.subarray(tag.dataOffset));
      return sequenceHeader;
    }
    if (tag.isKeyFrame) return keyFrame;
    return isDisposableVideo(payload, tag, this.#nalLengthBytes) ? disposable : plain;
  }
}

function audioTraits(payload: Buffer): Traits | Skipped {
  const tag = parseAudioTag(payload);
  if (tag.isEndOfSequence) return 'sequenceEnd';
  return tag.isSequenceHeader ? sequenceHeader : plain;
}

/** A record that we cannot read is passed on all the same: the player may know better. */
function nalLengthBytesOf(record: Buffer): NalLengthBytes {
  try {
    return parseAvcDecoderRecord(record).nalLengthBytes;
  } catch (error) {
    if (error instanceof MediaError) return 4;
    throw error;
  }
}
