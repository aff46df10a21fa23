import type { ClientMessage, HelloMessage, MoveMessage, ServerMessage } from '@gala/protocol/signals';
import { Link, type LinkEnd } from './link.ts';
import { Retry } from './retry.ts';
import type { ConnectionStatus, SignalEntry } from './types.ts';

/** A link that lived so long was a good one: the next wait is short again. */
const goodLinkMs = 10_000;
/** Part of the time of a move within which one goes, so that not all go at once. */
const moveSpread = 0.6;
/** Answers of the gateway that will be the same when it is asked again. */
const finalStatuses = [401, 403, 404, 409, 410];

export interface ConnectorHandler {
  /** What the server says, from one link or, during a move, from two. */
  readonly onMessage: (message: ServerMessage) => void;
  /** There is a link on which something can be said. */
  readonly onOpen: () => void;
  readonly onStatus: (status: ConnectionStatus, code: string, retryInMs: number) => void;
  readonly hello: (ticket: string) => HelloMessage;
}

export interface ConnectorOptions {
  readonly enter: () => Promise<SignalEntry>;
  readonly webSocket: typeof WebSocket;
  readonly handler: ConnectorHandler;
}

/** Keeps a link to one of the room's signal nodes: comes back when it is lost, and moves when it is told to. */
export class Connector {
  readonly #options: ConnectorOptions;
  readonly #retry = new Retry({ baseMs: 500, maxMs: 5_000 });
  #entry: SignalEntry | undefined;
  #urlIndex = 0;
  /** All nodes that are known have failed. */
  #mustEnter = false;
  /** What the gateway asked for when it was asked last and did not let it in. */
  #entryRetryMs = 0;
  /** Of the last welcome, which outlives the gateway's. */
  #resumeTicket = '';
  #link: Link | undefined;
  /** Goes where the server sends it, while the old link still brings everything. */
  #moving: Link | undefined;
  #openedAtMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #moveTimer: ReturnType<typeof setTimeout> | undefined;
  /** Bumped by whatever makes what is under way meaningless. */
  #generation = 0;
  status: ConnectionStatus = 'idle';

  constructor(options: ConnectorOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#link?.isOpen === true;
  }

  get readUrls(): readonly string[] {
    return this.#entry?.readUrls ?? [];
  }

  get ticket(): string {
    return this.#resumeTicket || (this.#entry?.ticket ?? '');
  }

  /** Begins to connect, unless it is about it already. */
  connect(): void {
    if (this.#link || this.status === 'connecting' || this.status === 'waiting') return;
    void this.#connect();
  }

  send(message: ClientMessage): boolean {
    return this.#link?.send(message) === true;
  }

  /** Leaves the link, and comes back by the back-off as if it had been lost. */
  reconnect(code: string): void {
    const link = this.#link;
    if (!link) return;
    link.close();
    this.#ended(link, { code, retryAfterMs: 0, isFinal: false });
  }

  /** Leaves the link without coming back by itself: what is said comes another way. */
  rest(): void {
    this.#drop();
    this.#report('open', '', 0);
  }

  close(code = ''): void {
    if (this.status === 'closed') return;
    this.#drop();
    this.#report('closed', code, 0);
  }

  #drop(): void {
    this.#generation++;
    clearTimeout(this.#timer);
    clearTimeout(this.#moveTimer);
    this.#link?.close();
    this.#moving?.close();
    this.#link = this.#moving = undefined;
  }

  async #connect(): Promise<void> {
    const generation = ++this.#generation;
    this.#report('connecting', '', 0);
    try {
      const entry = await this.#currentEntry();
      if (generation !== this.#generation) return;
      if (entry !== this.#entry) this.#resumeTicket = '';
      this.#entry = entry;
      this.#mustEnter = false;
      const url = entry.urls[this.#urlIndex % entry.urls.length];
      if (!url) throw new RangeError('the gateway knows no signal node');
      this.#link = this.#open(url);
    } catch (error) {
      if (generation === this.#generation) this.#refused(error);
    }
  }

  /** Of the gateway when it has to be asked; while it cannot answer, nodes that were known take the ticket as well. */
  async #currentEntry(): Promise<SignalEntry> {
    const known = this.#entry;
    const hasTicket = this.#resumeTicket !== '';
    if (known && !this.#mustEnter && (hasTicket || known.expiresAtMs > Date.now())) return known;
    try {
      return await this.#options.enter();
    } catch (error) {
      this.#entryRetryMs = ((error as EnterError).retryAfterSeconds ?? 0) * 1000;
      if (!known || !hasTicket || isFinal(error)) throw error;
      return known;
    }
  }

  /** The gateway did not let it in, or could not be asked. */
  #refused(error: unknown): void {
    const { code } = error as EnterError;
    const name = typeof code === 'string' ? code : 'UNAVAILABLE';
    if (isFinal(error)) return this.close(name);
    this.#later(name, 0);
  }

  #open(url: string): Link {
    const { webSocket, handler } = this.#options;
    return new Link({
      url,
      webSocket,
      hello: () => handler.hello(this.ticket),
      handler: {
        onMessage: (link, message) => this.#heard(link, message),
        onEnd: (link, end) => this.#ended(link, end),
      },
    });
  }

  #heard(link: Link, message: ServerMessage): void {
    if (message.type === 'move') {
      if (link === this.#link) this.#move(message);
      return;
    }
    this.#options.handler.onMessage(message);
    if (message.type !== 'welcome' || !link.isOpen) return;
    this.#resumeTicket = message.resumeTicket;
    this.#openedAtMs = performance.now();
    this.#entryRetryMs = 0;
    if (link === this.#moving) {
      this.#link?.close();
      this.#link = link;
      this.#moving = undefined;
    }
    this.#report('open', '', 0);
    this.#options.handler.onOpen();
  }

  #ended(link: Link, end: LinkEnd): void {
    if (link === this.#moving) this.#moving = undefined;
    if (link !== this.#link) return;
    this.#link = this.#moving;
    this.#moving = undefined;
    // The link of the move is on its way already.
    if (this.#link) return this.#report('connecting', end.code, 0);
    if (end.isFinal) return this.close(end.code);
    if (this.#openedAtMs > 0 && performance.now() - this.#openedAtMs >= goodLinkMs) this.#retry.reset();
    this.#openedAtMs = 0;
    this.#nextUrl(end.code);
    this.#later(end.code, end.retryAfterMs);
  }

  /** Another node, or when all have been tried, what the gateway says then. */
  #nextUrl(code: string): void {
    this.#urlIndex++;
    const isExhausted = this.#urlIndex >= (this.#entry?.urls.length ?? 0);
    if (code === 'TICKET_INVALID') this.#resumeTicket = '';
    if (!isExhausted && code !== 'TICKET_INVALID') return;
    this.#urlIndex = 0;
    this.#mustEnter = true;
  }

  #later(code: string, retryAfterMs: number): void {
    clearTimeout(this.#moveTimer);
    const waitMs = this.#retry.nextMs(Math.max(retryAfterMs, this.#entryRetryMs));
    this.#entryRetryMs = 0;
    this.#report('waiting', code, waitMs);
    this.#timer = setTimeout(() => void this.#connect(), waitMs);
  }

  #move({ urls, withinMs }: MoveMessage): void {
    const entry = this.#entry;
    if (this.#moving || !entry || urls.length === 0) return;
    this.#entry = { ...entry, urls: [...new Set([...urls, ...entry.urls])] };
    this.#urlIndex = 0;
    clearTimeout(this.#moveTimer);
    this.#moveTimer = setTimeout(
      () => {
        if (this.#link?.isOpen) this.#moving = this.#open(urls[0]);
      },
      Math.random() * withinMs * moveSpread,
    );
  }

  #report(status: ConnectionStatus, code: string, retryInMs: number): void {
    if (status === this.status && code === '') return;
    this.status = status;
    this.#options.handler.onStatus(status, code, retryInMs);
  }
}

function isFinal(error: unknown): boolean {
  const { status } = error as EnterError;
  return status !== undefined && finalStatuses.includes(status);
}

/** What `enter` may reject with; an `ApiError` has all of it. */
interface EnterError {
  readonly status?: number;
  readonly code?: unknown;
  readonly retryAfterSeconds?: number;
}
