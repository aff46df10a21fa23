import { Payload } from './payload.ts';
import { soundTags } from './sound-tags.ts';
import type { Tag } from './tag.ts';

/**
 * All tags of one tick, encoded at most once per form and framing. Healthy viewers get `full`; the other forms
 * exist only when some viewer is slow or waits for a key frame, and are shared among all such viewers.
 */
export class Batch {
  /** Counts the ticks of an audience; a viewer gets each tick from its first one on exactly once. */
  readonly tick: number;
  readonly backlogScale: number;
  readonly hasKeyFrame: boolean;
  /** True when set-up changes in this tick. */
  readonly hasHeader: boolean;
  readonly #tags: readonly Tag[];
  readonly #keyIndex: number;
  #full: Payload | undefined;
  #fromKeyFrame: Payload | undefined;
  #withoutDisposable: Payload | undefined;
  #withoutPictures: Payload | undefined;
  #sound: Batch | undefined;

  /**
   * @param backlogScale how much more than its limits in bytes a viewer may owe: at high bit rates these would
   * be a fraction of a second
   */
  constructor(tick: number, tags: readonly Tag[], backlogScale = 1) {
    this.tick = tick;
    this.backlogScale = backlogScale;
    this.#tags = tags;
    this.#keyIndex = tags.findLastIndex((tag) => tag.keyFrame);
    this.hasKeyFrame = this.#keyIndex >= 0;
    this.hasHeader = tags.some((tag) => tag.sequenceHeader);
  }

  get full(): Payload {
    return (this.#full ??= new Payload(this.#tags));
  }

  /** The same tick for those who want sound alone: no pictures, and no set-up of pictures. */
  get sound(): Batch {
    return (this.#sound ??= new Batch(this.tick, soundTags(this.#tags), this.backlogScale));
  }

  /** Pictures from the last key frame of the tick on, and all of the rest: what `withoutPictures` goes over into. */
  get fromKeyFrame(): Payload {
    return (this.#fromKeyFrame ??= new Payload(
      this.#tags.filter((tag, index) => index >= this.#keyIndex || !isPicture(tag)),
    ));
  }

  get withoutDisposable(): Payload {
    return (this.#withoutDisposable ??= new Payload(this.#tags.filter((tag) => !tag.disposable)));
  }

  /** Audio, data and sequence headers: what still flows when the pictures are shed. */
  get withoutPictures(): Payload {
    return (this.#withoutPictures ??= new Payload(this.#tags.filter((tag) => !isPicture(tag))));
  }
}

function isPicture(tag: Tag): boolean {
  return tag.kind === 'video' && !tag.sequenceHeader;
}
