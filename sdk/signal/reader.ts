import {
  decodePage,
  pageMediaTypes,
  pullPath,
  pullWaitMsMax,
  slotMs,
  slotPath,
  slotReadyMs,
  type Position,
  type SignalPage,
} from '@gala/protocol/signals';
import { Retry } from './retry.ts';

/** A page that takes longer than its wait and this is given up. */
const answerMsMax = 10_000;
/** Slots behind the newest from which one pull is quicker than reading them all. */
const slotsBehindMax = 10;
/** Tries in a row after which the reader says that it does not get on. */
const failuresMax = 3;
/** State that is missing is read so often at most. */
const statePauseMs = 5_000;
/** A room at rest is asked so often at most, whatever the server says. */
const pauseMsMin = 200;

export interface ReaderOptions {
  readonly mode: 'pull' | 'cached';
  readonly urls: readonly string[];
  readonly fetch: typeof fetch;
  /** Opens rooms that are not public; told when they ask for it. */
  readonly ticket: () => string;
  readonly position: () => Position | undefined;
  /** Server time; slots are named by it. */
  readonly serverMs: () => number;
  readonly onPage: (page: SignalPage) => void;
  /** Something of the state is missing, and what brings all of it. */
  readonly lacksState: () => boolean;
  readonly onState: (page: SignalPage) => void;
  /** It has got nothing for a while, and goes on trying. */
  readonly onFailing: () => void;
}

/** Reads what a room says by HTTP: by cursor, or in slots of time that any cache may keep. */
export class Reader {
  readonly mode: 'pull' | 'cached';
  readonly #options: ReaderOptions;
  readonly #closing = new AbortController();
  readonly #retry = new Retry({ baseMs: 500, maxMs: 15_000 });
  #failures = 0;
  #nextSlot: number | undefined;
  #stateReadAtMs = -Infinity;
  #isPrivate = false;

  constructor(options: ReaderOptions) {
    this.mode = options.mode;
    this.#options = options;
    void this.#run();
  }

  get isFailing(): boolean {
    return this.#failures >= failuresMax;
  }

  close(): void {
    this.#closing.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        const startedAtMs = performance.now();
        if (this.mode === 'pull') await this.#pull(pullWaitMsMax);
        else await this.#readSlot();
        await this.#readState();
        this.#failures = 0;
        this.#retry.reset();
        if (performance.now() - startedAtMs < pauseMsMin) await this.#pause(pauseMsMin);
      } catch (error) {
        if (signal.aborted) return;
        await this.#failed(error);
      }
    }
  }

  async #failed(error: unknown): Promise<void> {
    this.#failures++;
    if (this.#failures === failuresMax) this.#options.onFailing();
    await this.#pause(this.#retry.nextMs(error instanceof PageError ? error.retryAfterMs : 0));
  }

  async #pull(waitMs: number): Promise<void> {
    const page = await this.#get(pullPath(this.#options.position(), waitMs), waitMs);
    if (!this.#closing.signal.aborted) this.#options.onPage(page);
  }

  /** The next slot when it is there; what precedes it and is missing comes by a pull. */
  async #readSlot(): Promise<void> {
    const newest = Math.floor((this.#options.serverMs() - slotReadyMs) / slotMs) - 1;
    const slot = this.#nextSlot;
    if (slot === undefined || newest - slot > slotsBehindMax) {
      await this.#pull(0);
      // What this pull brought is in the slots from the one of now on, and known when they come.
      this.#nextSlot = Math.floor(this.#options.serverMs() / slotMs);
      return;
    }
    const readyAtMs = (slot + 1) * slotMs + slotReadyMs;
    await this.#pause(readyAtMs - this.#options.serverMs());
    const page = await this.#get(slotPath(slot), 0);
    if (this.#closing.signal.aborted) return;
    this.#nextSlot = slot + 1;
    if (this.#follows(page)) this.#options.onPage(page);
    else await this.#pull(0);
  }

  async #readState(): Promise<void> {
    const { lacksState, onState } = this.#options;
    const nowMs = performance.now();
    if (!lacksState() || nowMs - this.#stateReadAtMs < statePauseMs) return;
    this.#stateReadAtMs = nowMs;
    onState(await this.#get(pullPath(undefined, 0), 0));
  }

  #follows({ epoch, after, isComplete }: SignalPage): boolean {
    const position = this.#options.position();
    return isComplete && position?.epoch === epoch && after <= position.offset;
  }

  async #get(path: string, waitMs: number): Promise<SignalPage> {
    const { urls, fetch, ticket } = this.#options;
    const limit = AbortSignal.timeout(waitMs + answerMsMax);
    const mark = path.includes('?') ? '&' : '?';
    const shown = this.#isPrivate ? `${mark}ticket=${encodeURIComponent(ticket())}` : '';
    const response = await fetch(urls[this.#failures % urls.length] + path + shown, {
      headers: { accept: pageMediaTypes.binary },
      signal: AbortSignal.any([this.#closing.signal, limit]),
    });
    if (response.status === 401) this.#isPrivate = true;
    if (!response.ok) throw new PageError(response);
    return decodePage(new Uint8Array(await response.arrayBuffer()));
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, Math.max(0, ms));
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
    });
  }
}

class PageError extends Error {
  override readonly name = 'PageError';
  readonly retryAfterMs: number;

  constructor(response: Response) {
    super(`a page was answered by ${response.status}`);
    this.retryAfterMs = (Number(response.headers.get('retry-after')) || 0) * 1000;
  }
}
