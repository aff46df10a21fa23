import type { Bus, Subscription } from '../collections/index.ts';
import type { Clock } from '../clock/index.ts';
import { tombstoneMs } from './limits.ts';
import type { WriterBeats } from './writer-beats.ts';

export const feedCounterNames = [
  'invalidations',
  'invalidationsHeard',
  'invalidationsOverflowed',
  'publishFailures',
  'gaps',
] as const;

export interface FeedOptions {
  readonly bus: Bus;
  readonly channel: string;
  /** Of this process: its own messages are not heeded. */
  readonly processId: string;
  readonly clock: Clock;
  readonly writers: WriterBeats;
  readonly counters: Record<(typeof feedCounterNames)[number], number>;
  /** Of another process. */
  readonly onInvalid: (key: string, version: number) => void;
  /** Changes may have been missed, by this process or by what another one could tell. */
  readonly onGap: () => void;
}

/** What one process tells all others; `all`: more changed than it could list. */
interface Message {
  readonly from: string;
  readonly changes: readonly (readonly [key: string, version: number])[];
  readonly all?: boolean;
}

/** Changes not published yet, and changes kept to be published again; beyond it "everything" is published instead. */
const changesMax = 8192;
/** Of one message, where the bus takes 64 KiB. */
const messageBytesMax = 48 * 1024;
const retryMs = 200;

/**
 * Tells all processes which keys changed, batched by turn of the event loop. What the bus did not take is published
 * until it does. What it took shortly before a gap is published again after it: the engine may have taken it and lost
 * it in a failover.
 */
export class InvalidationFeed implements AsyncDisposable {
  readonly #options: FeedOptions;
  readonly #subscription: Promise<Subscription | undefined>;
  #opened: Subscription | undefined;
  #pending = new Map<string, number>();
  #isAllPending = false;
  #flushing: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** Published within the last `tombstoneMs`, oldest first. */
  readonly #recent = new Map<string, { version: number; atMs: number }>();
  #isFailing = false;
  #isClosed = false;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#subscription = this.#subscribe();
  }

  /** False while changes of other processes may not be heard of. */
  get isFlowing(): boolean {
    return this.#opened !== undefined && this.#opened.isFlowing && this.#options.writers.areHeard;
  }

  /** True while there is something to tell that the bus did not take at first. */
  get isUnsettled(): boolean {
    return this.#isFailing;
  }

  /** Changes when changes of others may have been missed. */
  get epoch(): number {
    return this.#opened ? this.#opened.epoch + this.#options.writers.epoch : -1;
  }

  /** Resolves when the bus has taken it, or is to be tried again. */
  publish(key: string, version: number): Promise<void> {
    this.#options.counters.invalidations++;
    this.#options.writers.announce();
    this.#add(key, version);
    if (this.#opened?.isFlowing) return this.#flush();
    // Nobody waits for a bus that is away.
    this.#retryLater();
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    await this.#flushing;
    await (await this.#subscription)?.[Symbol.asyncDispose]();
  }

  async #subscribe(): Promise<Subscription | undefined> {
    const { bus, channel } = this.#options;
    const onMessage = (message: Buffer): void => this.#heed(message);
    try {
      this.#opened = await bus.subscribe(channel, { onMessage, onGap: () => this.#onGap() });
      this.#options.onGap();
    } catch {
      // A bus that takes no more channels is a bus that is never heard of: the short TTL stays.
      this.#options.counters.gaps++;
    }
    return this.#opened;
  }

  #heed(bytes: Buffer): void {
    const message = parseMessage(bytes);
    if (!message || message.from === this.#options.processId) return;
    if (message.all) this.#options.onGap();
    this.#options.counters.invalidationsHeard += message.changes.length;
    for (const [key, version] of message.changes) this.#options.onInvalid(key, version);
  }

  #onGap(): void {
    this.#options.counters.gaps++;
    this.#options.onGap();
    // Until all of it is told again, others are not to think that they heard it.
    this.#isFailing = this.#recent.size > 0 || this.#isFailing;
    const sinceMs = this.#options.clock.monotonicMs() - tombstoneMs;
    for (const [key, { version, atMs }] of this.#recent) if (atMs >= sinceMs) this.#add(key, version);
    void this.#flush();
  }

  #add(key: string, version: number): void {
    this.#pending.set(key, Math.max(version, this.#pending.get(key) ?? 0));
    if (this.#pending.size <= changesMax) return;
    this.#options.counters.invalidationsOverflowed++;
    this.#pending.clear();
    this.#isAllPending = true;
  }

  #flush(): Promise<void> {
    return (this.#flushing ??= this.#send());
  }

  async #send(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    clearTimeout(this.#retry);
    this.#retry = undefined;
    // What comes from here on goes with the next one.
    this.#flushing = undefined;
    const [changes, all] = [this.#pending, this.#isAllPending];
    this.#pending = new Map();
    this.#isAllPending = false;
    const messages = packMessages(this.#options.processId, changes, all);
    const sent = await Promise.all(messages.map((message) => this.#publish(message)));
    if (!sent.every(Boolean)) this.#retryLater();
    else if (this.#retry === undefined) this.#isFailing = false;
  }

  #retryLater(): void {
    this.#isFailing = true;
    if (this.#isClosed) return;
    this.#retry ??= setTimeout(() => void this.#flush(), retryMs).unref();
  }

  async #publish(message: Message): Promise<boolean> {
    try {
      await this.#options.bus.publish(this.#options.channel, Buffer.from(JSON.stringify(message)));
      for (const [key, version] of message.changes) this.#remember(key, version);
      return true;
    } catch {
      this.#options.counters.publishFailures++;
      if (message.all) this.#isAllPending = true;
      for (const [key, version] of message.changes) this.#add(key, version);
      return false;
    }
  }

  #remember(key: string, version: number): void {
    const atMs = this.#options.clock.monotonicMs();
    this.#recent.delete(key);
    this.#recent.set(key, { version, atMs });
    for (const [oldest, recent] of this.#recent) {
      if (recent.atMs >= atMs - tombstoneMs && this.#recent.size <= changesMax) return;
      this.#recent.delete(oldest);
    }
  }
}

function packMessages(from: string, changes: ReadonlyMap<string, number>, all: boolean): Message[] {
  const messages: Message[] = all ? [{ from, changes: [], all }] : [];
  let packed: [string, number][] = [];
  let bytes = 0;
  for (const change of changes) {
    bytes += 6 * change[0].length + 24;
    if (packed.length > 0 && bytes > messageBytesMax) {
      messages.push({ from, changes: packed });
      packed = [];
      bytes = 6 * change[0].length + 24;
    }
    packed.push(change);
  }
  if (packed.length > 0) messages.push({ from, changes: packed });
  return messages;
}

/** Undefined for what no process of ours wrote. */
function parseMessage(bytes: Buffer): Message | undefined {
  try {
    const message = JSON.parse(bytes.toString()) as Message;
    return Array.isArray(message.changes) ? message : undefined;
  } catch {
    return undefined;
  }
}
