import { CodedError } from '@gala/lib/error';
import { Backoff, type NativeChild } from '@gala/lib/lifecycle';
import type { VideoConfig } from '@gala/media/mp4';
import { controlMessage, FencedChild, fenceErrors, type FenceMessage } from '../fence/index.ts';
import type { CoverOrder } from './cover-work.ts';

/** A key frame with all that its decoder needs. */
export interface CoverPicture {
  readonly config: VideoConfig;
  /** Access unit, as `AccessUnit` of media/mp4 has it. */
  readonly payload: Buffer;
}

export interface CoverCounters {
  /** JPEGs that were made. */
  made: number;
  /** Pictures that the child could not decode, or died of. */
  failed: number;
  /** Pictures that were dropped for a newer one of the same key, or because too many waited. */
  dropped: number;
  /** Ends of the child that nobody asked for. */
  ended: number;
}

export interface CoverChildOptions {
  /** Starts a process that runs `runCovers`. */
  readonly spawn: () => NativeChild;
  readonly counters: CoverCounters;
  readonly onCover: (key: number, jpeg: Buffer) => void;
  /** The child ended without being asked to; told once for each end. */
  readonly onEnded: (error: CodedError) => void;
  readonly limits?: Partial<CoverLimits>;
}

export interface CoverLimits {
  /** Not larger than the picture is. */
  readonly widthMax: number;
  /** 2 (best) .. 31. */
  readonly quality: number;
  /** Pictures that wait; beyond it the oldest is dropped. */
  readonly waitingMax: number;
  /** Time for one picture; then the child is killed. */
  readonly pictureMsMax: number;
  /** A child without work for so long is ended, for its memory. */
  readonly idleMs: number;
}

const defaultLimits: CoverLimits = {
  widthMax: 640,
  quality: 4,
  waitingMax: 64,
  pictureMsMax: 10_000,
  idleMs: 30_000,
};
const restartMs = { initialMs: 500, maxMs: 60_000 };

/**
 * Makes JPEGs of key frames, one after the other in one child process: started with the first picture, ended when
 * there is nothing to do, started again with back-off after it died.
 */
export class CoverChild implements AsyncDisposable {
  readonly #options: CoverChildOptions;
  readonly #limits: CoverLimits;
  readonly #backoff = new Backoff(restartMs);
  /** The newest picture of each key, oldest first. */
  readonly #waiting = new Map<number, CoverPicture>();
  #child: FencedChild | undefined;
  /** The key whose picture is in the child. */
  #working: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isResting = false;
  #isClosed = false;

  constructor(options: CoverChildOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** Asks for the cover of a key. */
  draw(key: number, picture: CoverPicture): void {
    if (this.#isClosed) return;
    if (this.#waiting.delete(key)) this.#options.counters.dropped++;
    this.#waiting.set(key, picture);
    if (this.#waiting.size > this.#limits.waitingMax) {
      const [oldest] = this.#waiting.keys();
      this.#waiting.delete(oldest);
      this.#options.counters.dropped++;
    }
    this.#next();
  }

  /** Nobody wants it any more. */
  forget(key: number): void {
    this.#waiting.delete(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#waiting.clear();
    clearTimeout(this.#timer);
    await this.#child?.[Symbol.asyncDispose]();
  }

  #next(): void {
    if (this.#working !== undefined || this.#isResting || this.#isClosed) return;
    const [first] = this.#waiting;
    clearTimeout(this.#timer);
    if (!first) return this.#rest();
    const [key, picture] = first;
    this.#waiting.delete(key);
    this.#working = key;
    this.#send(picture);
    this.#timer = setTimeout(() => this.#giveUp(), this.#limits.pictureMsMax);
  }

  #rest(): void {
    this.#timer = setTimeout(() => {
      void this.#child?.[Symbol.asyncDispose]();
      this.#child = undefined;
    }, this.#limits.idleMs);
    this.#timer.unref();
  }

  #send({ config, payload }: CoverPicture): void {
    const { widthMax, quality } = this.#limits;
    const child = (this.#child ??= this.#start());
    const order: CoverOrder = { type: 'cover', codec: config.codec, widthMax, quality };
    child.send(controlMessage(order));
    child.send({ kind: 'data', channel: 0, timestampMs: 0, body: config.record });
    child.send({ kind: 'video', channel: 0, timestampMs: 0, body: payload });
  }

  #start(): FencedChild {
    const child: FencedChild = new FencedChild({
      child: this.#options.spawn(),
      onMessage: (message) => this.#take(message),
      onEnd: (error) => this.#ended(child, error),
    });
    return child;
  }

  #take({ kind, body }: FenceMessage): void {
    const key = this.#working;
    if (key === undefined) return;
    this.#working = undefined;
    this.#backoff.reset();
    if (kind === 'data') {
      this.#options.counters.made++;
      this.#options.onCover(key, body);
    } else {
      this.#options.counters.failed++;
    }
    this.#next();
  }

  #giveUp(): void {
    this.#child?.kill(new CodedError(fenceErrors, 'CHILD_STALLED'));
  }

  /** The picture that it died of is not tried again. */
  #ended(child: FencedChild, error: CodedError | undefined): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    clearTimeout(this.#timer);
    if (this.#working !== undefined) this.#options.counters.failed++;
    this.#working = undefined;
    if (!error) return;
    this.#options.counters.ended++;
    this.#options.onEnded(error);
    this.#isResting = true;
    this.#timer = setTimeout(() => {
      this.#isResting = false;
      this.#next();
    }, this.#backoff.nextMs());
    this.#timer.unref();
  }
}
