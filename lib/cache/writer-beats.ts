import type { Bus, Subscription } from '../collections/index.ts';
import type { Clock } from '../clock/index.ts';

export const writerCounterNames = ['writersUnwatched'] as const;

export interface WriterBeatsOptions {
  readonly bus: Bus;
  readonly processId: string;
  readonly clock: Clock;
  /** False while this process has changes to tell that the bus has not taken. */
  readonly isSettled: () => boolean;
  readonly counters: Record<(typeof writerCounterNames)[number], number>;
}

interface Beat {
  readonly from: string;
  readonly isGone?: boolean;
}

const channel = 'cache.writers';
const beatEveryMs = 400;
const checkEveryMs = 200;
const silenceMsMax = 1200;
/** A writer that is silent for so long has ended. */
const forgetMs = 60_000;
/** Writers that are watched; the beats of one more are counted (`writersUnwatched`), and nobody misses them. */
const writersMax = 1024;

/**
 * Whether all processes that tell of changes can be heard. A writer that is cut off from the bus changes things that
 * nobody hears of, while the bus of all others flows: so each process that has told of a change beats, and whoever
 * misses its beat lives by the short TTL. It beats only when all it had to tell has been told, so that with its beat
 * nothing is outstanding. Processes that tell nothing beat never.
 */
export class WriterBeats implements AsyncDisposable {
  readonly #options: WriterBeatsOptions;
  readonly #heardAtMs = new Map<string, number>();
  readonly #subscription: Promise<Subscription | undefined>;
  #beating: NodeJS.Timeout | undefined;
  #checking: NodeJS.Timeout | undefined;
  #areHeard = true;
  #epoch = 0;
  #isClosed = false;

  constructor(options: WriterBeatsOptions) {
    this.#options = options;
    const onMessage = (message: Buffer): void => this.#hear(message);
    this.#subscription = options.bus
      .subscribe(channel, { onMessage, onGap: () => undefined })
      .catch(() => undefined);
  }

  get areHeard(): boolean {
    return this.#areHeard;
  }

  /** Grows when a writer is heard again. */
  get epoch(): number {
    return this.#epoch;
  }

  /** This process tells of changes from now on. */
  announce(): void {
    if (this.#beating || this.#isClosed) return;
    this.#beating = setInterval(() => this.#beat(), beatEveryMs).unref();
    this.#beat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#beating);
    clearInterval(this.#checking);
    if (this.#beating && this.#options.isSettled())
      await this.#publish({ from: this.#options.processId, isGone: true });
    await (await this.#subscription)?.[Symbol.asyncDispose]();
  }

  #beat(): void {
    if (this.#options.isSettled()) void this.#publish({ from: this.#options.processId });
  }

  /** A beat that is lost is what the others miss. */
  async #publish(beat: Beat): Promise<void> {
    await this.#options.bus.publish(channel, Buffer.from(JSON.stringify(beat))).catch(() => undefined);
  }

  #hear(message: Buffer): void {
    const beat = parseBeat(message);
    if (!beat || beat.from === this.#options.processId || this.#isClosed) return;
    if (beat.isGone) this.#heardAtMs.delete(beat.from);
    else if (this.#heardAtMs.size < writersMax || this.#heardAtMs.has(beat.from)) this.#note(beat.from);
    else this.#options.counters.writersUnwatched++;
    this.#check();
    this.#checking ??= setInterval(() => this.#check(), checkEveryMs).unref();
  }

  #note(writer: string): void {
    const nowMs = this.#options.clock.monotonicMs();
    const heardAtMs = this.#heardAtMs.get(writer) ?? nowMs;
    // What it had to tell came before this beat; what was read before that is loaded again.
    if (nowMs - heardAtMs >= silenceMsMax) this.#epoch++;
    this.#heardAtMs.set(writer, nowMs);
  }

  #check(): void {
    const nowMs = this.#options.clock.monotonicMs();
    let areHeard = true;
    for (const [writer, heardAtMs] of this.#heardAtMs) {
      if (nowMs - heardAtMs >= forgetMs) this.#heardAtMs.delete(writer);
      else if (nowMs - heardAtMs >= silenceMsMax) areHeard = false;
    }
    this.#areHeard = areHeard;
    if (this.#heardAtMs.size > 0) return;
    clearInterval(this.#checking);
    this.#checking = undefined;
  }
}

/** Undefined for what no process of ours wrote. */
function parseBeat(bytes: Buffer): Beat | undefined {
  try {
    const beat = JSON.parse(bytes.toString()) as Beat;
    return typeof beat.from === 'string' ? beat : undefined;
  } catch {
    return undefined;
  }
}
