import { encodePayload, type Payload } from './payload.ts';
import type { Tag } from './tag.ts';

/**
 * All tags of one tick, encoded at most once per form. Healthy viewers get `full`; the other forms exist only
 * when some viewer is slow or waits for a key frame, and are shared among all such viewers.
 */
export class Batch {
  /** Counts the ticks of an audience; a viewer gets each tick from its first one on exactly once. */
  readonly tick: number;
  readonly hasKeyFrame: boolean;
  readonly #tags: readonly Tag[];
  readonly #keyIndex: number;
  #full: Payload | undefined;
  #fromKeyFrame: Payload | undefined;
  #withoutDisposable: Payload | undefined;
  #audioOnly: Payload | undefined;

  constructor(tick: number, tags: readonly Tag[]) {
    this.tick = tick;
    this.#tags = tags;
    this.#keyIndex = startOfPicture(tags);
    this.hasKeyFrame = this.#keyIndex >= 0;
  }

  get full(): Payload {
    return (this.#full ??= encodePayload(this.#tags));
  }

  /** From the last key frame of the tick on, with the sequence headers right before it. */
  get fromKeyFrame(): Payload {
    return (this.#fromKeyFrame ??= encodePayload(this.#tags.slice(this.#keyIndex)));
  }

  get withoutDisposable(): Payload {
    return (this.#withoutDisposable ??= encodePayload(this.#tags.filter((tag) => !tag.disposable)));
  }

  /** Audio, data and sequence headers: what still flows when the pictures are shed. */
  get audioOnly(): Payload {
    return (this.#audioOnly ??= encodePayload(
      this.#tags.filter((tag) => tag.kind !== 'video' || tag.sequenceHeader),
    ));
  }
}

/** Index of the last key frame, or of the sequence headers that directly precede it; -1 without one. */
function startOfPicture(tags: readonly Tag[]): number {
  let index = tags.findLastIndex((tag) => tag.keyFrame);
  while (index > 0 && tags[index - 1].sequenceHeader) index--;
  return index;
}
