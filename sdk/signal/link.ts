import {
  binarySubprotocol,
  readServerMessage,
  type ByeMessage,
  type ClientMessage,
  type HelloMessage,
  type ServerMessage,
} from '@gala/protocol/signals';

/** From the first byte to the welcome. */
const openMsMax = 10_000;
/** Between pings; the first ones come quickly, for the clock. */
const beatMsMin = 1_000;
const beatMsMax = 20_000;
const quickBeats = 4;
/** The answer to a ping takes no longer on a link that lives. */
const pongMsMax = 10_000;
/** RFC 6455, 7.4.1: what the client did is not accepted, and will not be if it does it again. */
const policyViolation = 1008;

/** How a link ended. */
export interface LinkEnd {
  /** Of the server's `bye`; LINK_LOST when there was none. */
  readonly code: string;
  readonly retryAfterMs: number;
  /** It would be refused again. */
  readonly isFinal: boolean;
}

export interface LinkHandler {
  readonly onMessage: (link: Link, message: ServerMessage) => void;
  /** Once; not after `close`. */
  readonly onEnd: (link: Link, end: LinkEnd) => void;
}

export interface LinkOptions {
  readonly url: string;
  readonly webSocket: typeof WebSocket;
  readonly hello: () => HelloMessage;
  readonly handler: LinkHandler;
}

/** One WebSocket to a signal node: says hello, beats, and notices when the other side is not there any more. */
export class Link {
  readonly url: string;
  readonly #options: LinkOptions;
  readonly #socket: WebSocket;
  #timer: ReturnType<typeof setTimeout>;
  #heardAtMs = 0;
  #beatMs = beatMsMax;
  #beats = 0;
  #bye: ByeMessage | undefined;
  #isOver = false;
  isOpen = false;

  constructor(options: LinkOptions) {
    const { url, webSocket: Socket, hello } = options;
    this.url = url;
    this.#options = options;
    this.#socket = new Socket(url, [binarySubprotocol]);
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.addEventListener('open', () => this.#write(hello()));
    this.#socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) =>
      this.#heard(data),
    );
    this.#socket.addEventListener('close', ({ code }) => this.#ended(code));
    this.#timer = setTimeout(() => this.#ended(0), openMsMax);
  }

  /** False when it is not open. */
  send(message: ClientMessage): boolean {
    if (!this.isOpen) return false;
    this.#write(message);
    return true;
  }

  close(): void {
    this.#isOver = true;
    this.isOpen = false;
    clearTimeout(this.#timer);
    this.#socket.close(1000);
  }

  #write(message: ClientMessage): void {
    if (this.#socket.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  #heard(data: string | ArrayBuffer): void {
    if (this.#isOver) return;
    this.#heardAtMs = performance.now();
    const message = this.#read(data);
    if (!message) return;
    if (message.type === 'bye') this.#bye = message;
    if (message.type === 'welcome') this.#welcomed(message.heartBeatMs);
    this.#options.handler.onMessage(this, message);
  }

  /** What cannot be read cannot be gone on from either: what it brought is missing. */
  #read(data: string | ArrayBuffer): ServerMessage | undefined {
    try {
      return readServerMessage(data);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#ended(0);
      return undefined;
    }
  }

  #welcomed(heartBeatMs: number): void {
    clearTimeout(this.#timer);
    this.isOpen = true;
    this.#beatMs = Math.max(beatMsMin, Math.min(beatMsMax, heartBeatMs / 3));
    this.#beat();
  }

  #beat(): void {
    this.#write({ type: 'ping', atMs: performance.now() });
    const waitMs = ++this.#beats < quickBeats ? beatMsMin : this.#beatMs;
    const sentAtMs = performance.now();
    this.#timer = setTimeout(() => {
      if (this.#heardAtMs >= sentAtMs) return this.#beat();
      this.#timer = setTimeout(() => this.#judge(sentAtMs), Math.max(0, pongMsMax - waitMs));
    }, waitMs);
  }

  #judge(sentAtMs: number): void {
    if (this.#heardAtMs >= sentAtMs) this.#beat();
    else this.#ended(0);
  }

  #ended(closeCode: number): void {
    if (this.#isOver) return;
    this.close();
    const { code = 'LINK_LOST', retryAfterMs = 0 } = this.#bye ?? {};
    const isFinal = closeCode === policyViolation && retryAfterMs === 0 && code !== 'TICKET_INVALID';
    this.#options.handler.onEnd(this, { code, retryAfterMs, isFinal });
  }
}
