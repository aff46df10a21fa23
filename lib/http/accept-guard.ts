import type { Server as NetServer, Socket } from 'node:net';
import { rateKey } from './address.ts';
import { RateLimiter, TokenBucket, type RateLimit } from './rate-limiter.ts';

/** How many connections a listener takes before anything of them is read. */
export interface AcceptLimits {
  readonly all: RateLimit;
  /** From one address (IPv6: one /64); trusted proxies speak for many and are not bounded by this. */
  readonly perAddress: RateLimit;
}

export interface AcceptGuardOptions {
  readonly limits: AcceptLimits;
  readonly isTrusted: (peer: string) => boolean;
  /** A connection that had its socket already was closed. */
  readonly onRefused: (by: 'all' | 'address') => void;
}

/** Once closed it stays so for this long at least: what comes back meanwhile is taken in one go. */
const closedMsMin = 10;

/**
 * Closes connections that come too fast before a byte of them is parsed: a refusal by HTTP costs several times as
 * much, and a storm of those leaves nothing for who is there. While all together are over the bound, node:net closes them
 * before it makes a socket (`maxConnections`), for some milliseconds at a time.
 */
export class AcceptGuard implements Disposable {
  readonly #server: NetServer;
  readonly #options: AcceptGuardOptions;
  readonly #all: TokenBucket;
  readonly #perAddress: RateLimiter;
  readonly #connectionsMax: number;
  #timer: NodeJS.Timeout | undefined;

  /** Put it before all others that listen for connections: it stands between the server and them. */
  constructor(server: NetServer, options: AcceptGuardOptions) {
    this.#server = server;
    this.#options = options;
    this.#connectionsMax = server.maxConnections;
    this.#all = new TokenBucket(options.limits.all, performance.now());
    this.#perAddress = new RateLimiter(options.limits.perAddress);
    const accept = server.listeners('connection') as ((socket: Socket) => void)[];
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      if (this.#takes(socket)) for (const listener of accept) listener.call(server, socket);
    });
  }

  /** True while everything that comes is closed. */
  get isClosed(): boolean {
    return this.#timer !== undefined;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #takes(socket: Socket): boolean {
    const peer = socket.remoteAddress ?? '';
    if (!this.#options.isTrusted(peer) && this.#perAddress.take(rateKey(peer)) > 0) {
      return this.#refuse(socket, 'address');
    }
    const waitSeconds = this.#all.take(performance.now());
    if (waitSeconds === 0) return true;
    this.#close(waitSeconds * 1000);
    return this.#refuse(socket, 'all');
  }

  #refuse(socket: Socket, by: 'all' | 'address'): false {
    this.#options.onRefused(by);
    socket.on('error', () => undefined).resetAndDestroy();
    return false;
  }

  #close(waitMs: number): void {
    if (this.#timer) return;
    this.#server.maxConnections = 0;
    const open = (): void => {
      this.#timer = undefined;
      this.#server.maxConnections = this.#connectionsMax;
    };
    this.#timer = setTimeout(open, Math.max(closedMsMin, waitMs)).unref();
  }
}
