import { CodedError } from '@gala/lib/error';
import type { NativeChild } from '@gala/lib/lifecycle';
import type { MediaMessage, RungOptions } from '../av/index.ts';
import { controlMessage, controlValue, FencedChild, fenceErrors, type FenceMessage } from '../fence/index.ts';

export interface TranscodeCounters {
  /** Pictures that were not transcoded because the child was behind, and the groups that they belong to. */
  picturesDropped: number;
  gopsDropped: number;
  /** Messages of the source that the child could not decode. */
  damaged: number;
}

export interface TranscodeChildOptions {
  /** A process that runs `runTranscoding`. */
  readonly child: NativeChild;
  readonly rungs: readonly RungOptions[];
  readonly mayUseHardware: boolean;
  readonly counters: TranscodeCounters;
  /** One message of a rung, by its place in `rungs`, on the clock of the source. */
  readonly onMessage: (rung: number, message: MediaMessage) => void;
  /** The source is not larger than this rung. */
  readonly onAbsent: (rung: number) => void;
  readonly onReady?: (encoder: string) => void;
  /** Called once, whatever it died of; without an error when this side closed it. */
  readonly onEnd: (error: CodedError | undefined) => void;
  readonly limits?: TranscodeLimits;
}

export interface TranscodeLimits {
  /** Media that may wait for the child; beyond it pictures are dropped until the next key frame. */
  readonly waitingBytesMax: number;
  /** How long it may be behind by that much before it is taken to hang. */
  readonly behindMsMax: number;
}

export interface SourceMessage extends MediaMessage {
  readonly isKeyFrame: boolean;
  /** Set-up is never dropped. */
  readonly isSequenceHeader: boolean;
}

const defaultLimits: TranscodeLimits = { waitingBytesMax: 8 * 1024 * 1024, behindMsMax: 10_000 };

/** The near side of a child that transcodes one stream. */
export class TranscodeChild implements AsyncDisposable {
  readonly #options: TranscodeChildOptions;
  readonly #limits: TranscodeLimits;
  readonly #child: FencedChild;
  #isDropping = false;
  #behindSinceMs: number | undefined;

  constructor(options: TranscodeChildOptions) {
    const { child, rungs, mayUseHardware, onEnd, limits = defaultLimits } = options;
    this.#options = options;
    this.#limits = limits;
    this.#child = new FencedChild({ child, onEnd, onMessage: (message) => this.#take(message) });
    this.#child.send(controlMessage({ type: 'start', rungs, mayUseHardware }));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get waitingBytes(): number {
    return this.#child.waitingBytes;
  }

  /** Which rungs shall go out from now on. */
  want(rungs: ReadonlySet<number>): void {
    this.#child.send(controlMessage({ type: 'want', rungs: [...rungs] }));
  }

  /** One message of the source, in order. */
  append(message: SourceMessage): void {
    if (this.#mustDrop(message)) return;
    const { kind, timestampMs, payload } = message;
    this.#child.send({ kind, channel: 0, timestampMs, body: payload });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }

  /** Whole groups of pictures, and the sound beside them: what is left can be decoded. */
  #mustDrop({ kind, isKeyFrame, isSequenceHeader }: SourceMessage): boolean {
    const isBehind = this.#child.waitingBytes > this.#limits.waitingBytesMax;
    if (!isBehind) this.#behindSinceMs = undefined;
    else this.#noteBehind();
    if (isSequenceHeader) return false;
    if (isBehind && !this.#isDropping) {
      this.#isDropping = true;
      this.#options.counters.gopsDropped++;
    }
    if (this.#isDropping && isKeyFrame && !isBehind) this.#isDropping = false;
    if (this.#isDropping && kind === 'video') this.#options.counters.picturesDropped++;
    return this.#isDropping;
  }

  #noteBehind(): void {
    const nowMs = performance.now();
    this.#behindSinceMs ??= nowMs;
    if (nowMs - this.#behindSinceMs < this.#limits.behindMsMax) return;
    this.#child.kill(new CodedError(fenceErrors, 'CHILD_STALLED'));
  }

  #take(message: FenceMessage): void {
    const { kind, channel, timestampMs, body } = message;
    if (kind === 'control') return this.#control(channel, controlValue(message));
    this.#options.onMessage(channel, { kind, timestampMs, payload: body });
  }

  #control(rung: number, { type, encoder, count }: Readonly<Record<string, unknown>>): void {
    const { onReady, onAbsent, counters } = this.#options;
    if (type === 'ready') onReady?.(String(encoder));
    else if (type === 'absent') onAbsent(rung);
    else if (type === 'damaged') counters.damaged += Number(count);
  }
}
