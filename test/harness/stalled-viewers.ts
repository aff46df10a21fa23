import { Socket } from 'node:net';

export interface StalledOptions {
  readonly port: number;
  /** Of a stream, such as `/live/7.flv`. */
  readonly path: string;
  readonly count: number;
  /** A stalled viewer does not learn that it was evicted, as it reads nothing: so long after it came it comes anew. */
  readonly lifeMs: number;
}

/** Viewers over HTTP-FLV and WS-FLV by turns that ask for a stream and never read a byte of it. */
export class StalledViewers implements Disposable {
  readonly #options: StalledOptions;
  readonly #sockets = new Set<Socket>();
  readonly #timers = new Map<number, NodeJS.Timeout>();
  connections = 0;
  /** Connections that failed before they were made. */
  refused = 0;

  /** They arrive spread over a fifth of their life, so that neither joins nor evictions come all at once. */
  constructor(options: StalledOptions) {
    this.#options = options;
    const { count, lifeMs } = options;
    for (let slot = 0; slot < count; slot++) this.#later(slot, (slot / count) * (lifeMs / 5));
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
  }

  #later(slot: number, afterMs: number, before?: Socket): void {
    const come = (): void => {
      before?.destroy();
      this.#later(slot, this.#options.lifeMs, this.#come(slot));
    };
    this.#timers.set(slot, setTimeout(come, afterMs));
  }

  #come(slot: number): Socket {
    const { port, path } = this.#options;
    const socket = new Socket();
    // Paused before it connects: Node then never reads, and the kernel's buffer fills up.
    socket.pause();
    this.#sockets.add(socket);
    socket.on('error', () => this.refused++);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.connect(port, '127.0.0.1');
    socket.write(slot % 2 === 0 ? flvRequest(path) : webSocketRequest(path));
    this.connections++;
    return socket;
  }
}

const flvRequest = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: gala\r\n\r\n`;

const webSocketRequest = (path: string): string =>
  [
    `GET ${path} HTTP/1.1`,
    'Host: gala',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    '',
    '',
  ].join('\r\n');
