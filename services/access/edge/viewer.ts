import type { JoinPoint } from './audience.ts';
import type { Batch } from './batch.ts';
import type { Framing, Payload } from './payload.ts';
import type { Wanted } from './play-request.ts';
import type { Tally } from './tally.ts';

export type Latency = 'realtime' | 'low' | 'economy';

/**
 * How much a viewer may owe before its pictures are shed, and for how long. The bytes grow with the bit rate of
 * the stream (`Batch.backlogScale`), and what a viewer got with its join does not count until it has taken it.
 */
export interface ViewerLimits {
  /** Backlog in this process (kernel buffers come on top) from which disposable frames are left out. */
  readonly disposableBytes: number;
  /** Backlog from which all pictures are left out until the next key frame; audio goes on. */
  readonly pictureBytes: number;
  /** Backlog from which nothing is written. */
  readonly stopBytes: number;
  /** How long a viewer may stay over `pictureBytes` before it is closed. */
  readonly evictMs: number;
  /** How long a viewer may take for the last bytes once its stream has ended. */
  readonly drainMs: number;
}

/** What was not written to slow viewers, and why; shared by all viewers of the process. */
export interface ViewerCounters {
  disposableShed: number;
  picturesShed: number;
  batchesShed: number;
  viewersEvicted: number;
}

/** What a viewer needs of its connection: a raw socket and a WebSocket connection have it as it is. */
export interface ViewerSocket {
  /** Bytes that were written and not taken by the kernel yet. */
  readonly writableLength: number;
  write(bytes: Buffer): unknown;
  end(): unknown;
  destroy(): unknown;
}

export interface ViewerOptions {
  readonly socket: ViewerSocket;
  readonly framing: Framing;
  readonly latency: Latency;
  readonly wanted?: Wanted;
  /** For the stats; never the whole address in a metric. */
  readonly remoteAddress: string;
  readonly limits: ViewerLimits;
  readonly tally: Tally;
  /** Wall clock. */
  readonly joinedAtMs: number;
  /** When it asked for the stream, monotonic. */
  readonly askedAtMs: number;
}

/** Ids of the viewers of this process, never given twice. */
let lastId = 0;

/**
 * One player on one connection. It keeps no bytes of its own: what it has not taken yet are references to
 * payloads that all viewers share. States: waiting for a key frame, flowing, or shedding pictures.
 */
export class Viewer {
  readonly id = ++lastId;
  readonly socket: ViewerSocket;
  readonly framing: Framing;
  readonly latency: Latency;
  readonly wanted: Wanted;
  readonly remoteAddress: string;
  readonly joinedAtMs: number;
  readonly #limits: ViewerLimits;
  readonly #tally: Tally;
  readonly #askedAtMs: number;
  /** First tick of its audience that this viewer has not got with its join. */
  firstTick = 0;
  /** Which of the cohorts of its latency it is in. */
  cohort = 0;
  closed = false;
  #waitsForKeyFrame = false;
  /** Size of the join while it is on its way: a group of pictures at once is no sign of a slow viewer. */
  #joinBytes = 0;
  #restOfJoin: Payload | undefined;
  /** Monotonic time since which it is over its bound; 0 while it is not. */
  #slowSinceMs = 0;

  constructor(options: ViewerOptions) {
    this.socket = options.socket;
    this.framing = options.framing;
    this.latency = options.latency;
    this.wanted = options.wanted ?? 'all';
    this.remoteAddress = options.remoteAddress;
    this.#limits = options.limits;
    this.joinedAtMs = options.joinedAtMs;
    this.#askedAtMs = options.askedAtMs;
    this.#tally = options.tally;
  }

  /** Bytes that this viewer has not taken yet, beyond what the kernel holds. */
  get backlogBytes(): number {
    return this.socket.writableLength;
  }

  get slow(): boolean {
    return this.#slowSinceMs > 0;
  }

  /** The opening of the stream so far, and soon the rest; without a key frame in it the viewer waits for one. */
  begin({ opening, rest, hasPicture }: JoinPoint): void {
    this.#waitsForKeyFrame = !hasPicture;
    this.#joinBytes = opening.in(this.framing).length;
    if (!rest.isEmpty) this.#restOfJoin = rest;
    this.#write(opening);
    this.#tally.begun(this.#askedAtMs);
  }

  /** The rest of the stream so far, unless it has gone out: before the first tick, and before the end. */
  finishJoin(): void {
    const rest = this.#restOfJoin;
    if (!rest || this.closed) return;
    this.#restOfJoin = undefined;
    this.#joinBytes += rest.in(this.framing).length;
    this.#write(rest);
  }

  /** One tick. Called for every viewer of the audience, so it must stay free of allocation. */
  deliver(tick: Batch, nowMs: number): void {
    if (this.closed || tick.tick < this.firstTick) return;
    if (this.#restOfJoin) this.finishJoin();
    const batch = this.wanted === 'audio' ? tick.sound : tick;
    const backlog = this.#owedBytes() / batch.backlogScale;
    if (backlog >= this.#limits.pictureBytes) this.#shed(batch, backlog, nowMs);
    else if (this.#waitsForKeyFrame) this.#resume(batch, backlog);
    else if (backlog >= this.#limits.disposableBytes) this.#deliverEssential(batch);
    else this.#write(batch.full);
  }

  /** Closes after what is queued, if the viewer takes it in time. */
  end(): void {
    if (this.closed) return;
    this.finishJoin();
    this.closed = true;
    this.socket.end();
    setTimeout(() => this.socket.destroy(), this.#limits.drainMs).unref();
  }

  destroy(): void {
    this.closed = true;
    this.socket.destroy();
  }

  #owedBytes(): number {
    const backlog = this.socket.writableLength;
    if (this.#joinBytes === 0) return backlog;
    if (backlog < this.#limits.disposableBytes) this.#joinBytes = 0;
    return Math.max(0, backlog - this.#joinBytes);
  }

  #shed(batch: Batch, backlog: number, nowMs: number): void {
    this.#waitsForKeyFrame = true;
    if (this.#slowSinceMs === 0) this.#slowSinceMs = nowMs;
    const isFull = backlog >= this.#limits.stopBytes;
    // Who misses a change of set-up could not decode what follows, and is better off joining anew.
    if (nowMs - this.#slowSinceMs > this.#limits.evictMs || (isFull && batch.hasHeader)) {
      this.#tally.evict();
      this.destroy();
    } else if (isFull) {
      this.#tally.shedBatch();
    } else {
      this.#tally.shedPictures();
      this.#write(batch.withoutPictures);
    }
  }

  #resume(batch: Batch, backlog: number): void {
    if (backlog < this.#limits.disposableBytes) this.#slowSinceMs = 0;
    if (batch.hasKeyFrame && this.#slowSinceMs === 0) {
      this.#waitsForKeyFrame = false;
      this.#write(batch.fromKeyFrame);
    } else {
      this.#write(batch.withoutPictures);
    }
  }

  #deliverEssential(batch: Batch): void {
    if (batch.withoutDisposable.tagCount < batch.full.tagCount) this.#tally.shedDisposable();
    this.#write(batch.withoutDisposable);
  }

  #write(payload: Payload): void {
    if (payload.isEmpty) return;
    const bytes = payload.in(this.framing);
    this.#tally.bytesOut += bytes.length;
    this.socket.write(bytes);
  }
}
