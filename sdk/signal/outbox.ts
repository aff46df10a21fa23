import type { ClientSignal, ReplyMessage, SendMessage } from '@gala/protocol/signals';
import { RecentIds } from './recent-ids.ts';
import type { SendResult } from './types.ts';

/** What waits for an answer; more is refused here. */
const waitingMax = 16;
const answerMsMax = 20_000;
/** Likes are counted for so long and told in one; the first after a pause nearly at once. */
const likeMs = 400;
const firstLikeMs = 20;
const likesMax = 1000;
const ownIdsMax = 500;

interface Waiting {
  readonly message: SendMessage;
  readonly timer: ReturnType<typeof setTimeout>;
  readonly settle: (result: SendResult) => void;
}

export interface OutboxHandler {
  /** False when there is no connection: it is sent when there is one. */
  readonly send: (message: SendMessage) => boolean;
  /** A connection is needed to say this. */
  readonly wake: () => void;
}

/** What the viewer says, until it is answered: a lost connection sends it again under the same id. */
export class Outbox {
  readonly #handler: OutboxHandler;
  readonly #waiting = new Map<string, Waiting>();
  readonly #ownIds = new RecentIds(ownIdsMax);
  readonly #prefix = Math.random().toString(36).slice(2, 10);
  #lastId = 0;
  #likes = 0;
  #likeTimer: ReturnType<typeof setTimeout> | undefined;
  #likesToldAtMs = -Infinity;

  constructor(handler: OutboxHandler) {
    this.#handler = handler;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#likes === 0;
  }

  /** Whether it was said here. */
  isOwn(signalId: string): boolean {
    return signalId !== '' && this.#ownIds.has(signalId);
  }

  say(signal: ClientSignal): Promise<SendResult> {
    if (this.#waiting.size >= waitingMax) return Promise.resolve(refusal('TOO_FAST', 1000));
    const message: SendMessage = { type: 'send', id: this.#nextId(), signal };
    const { id } = message;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#settle(id, refusal('DEADLINE_EXCEEDED', 1000)), answerMsMax);
      this.#waiting.set(id, { message, timer, settle: resolve });
      this.#handler.wake();
      this.#handler.send(message);
    });
  }

  like(count: number): void {
    if (!(count >= 1)) return;
    this.#likes = Math.min(likesMax, this.#likes + Math.floor(count));
    this.#handler.wake();
    const waitMs = Math.max(firstLikeMs, this.#likesToldAtMs + likeMs - performance.now());
    this.#likeTimer ??= setTimeout(() => this.#tellLikes(), waitMs);
  }

  replied({ id, code, retryAfterMs, signalId, isHeld }: ReplyMessage): void {
    if (signalId) this.#ownIds.add(signalId);
    this.#settle(id, code === '' ? { ok: true, signalId, isHeld } : refusal(code, retryAfterMs));
  }

  /** There is a connection: what was not answered on the last one is said again. */
  resend(): void {
    for (const { message } of this.#waiting.values()) this.#handler.send(message);
    this.#tellLikes();
  }

  /** Nothing will be sent any more. */
  close(code: string): void {
    clearTimeout(this.#likeTimer);
    this.#likes = 0;
    for (const id of this.#waiting.keys()) this.#settle(id, refusal(code, 0));
  }

  #tellLikes(): void {
    clearTimeout(this.#likeTimer);
    this.#likeTimer = undefined;
    if (this.#likes === 0) return;
    this.#likesToldAtMs = performance.now();
    const signal = { type: 'like', count: this.#likes } as const;
    if (this.#handler.send({ type: 'send', id: this.#nextId(), signal })) this.#likes = 0;
  }

  #settle(id: string, result: SendResult): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    clearTimeout(waiting.timer);
    this.#waiting.delete(id);
    waiting.settle(result);
  }

  #nextId(): string {
    return `${this.#prefix}-${++this.#lastId}`;
  }
}

function refusal(code: string, retryAfterMs: number): SendResult {
  return { ok: false, code, retryAfterMs };
}
