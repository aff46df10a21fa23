import type { Socket } from 'node:net';

/**
 * The open connections of a listener and which of them have a request under way. node:http's own
 * `closeIdleConnections` is not used: it also destroys sockets whose last bytes are still on their way.
 */
export class Connections {
  readonly #open = new Set<Socket>();
  #draining = false;

  get size(): number {
    return this.#open.size;
  }

  get draining(): boolean {
    return this.#draining;
  }

  add(socket: Socket): void {
    this.#open.add(socket);
    (socket as KeptSocket)[keeper] = this;
    (socket as KeptSocket)[requests] = 0;
    socket.on('close', forget);
  }

  forget(socket: Socket): void {
    this.#open.delete(socket);
  }

  /** Marks a request as under way; a hand-over to a role (upgrade, raw socket) never ends it. */
  begin(socket: KeptSocket): void {
    socket[requests] = (socket[requests] ?? 0) + 1;
  }

  end(socket: KeptSocket): void {
    const rest = Math.max(0, (socket[requests] ?? 0) - 1);
    socket[requests] = rest;
    if (rest === 0 && this.#draining) socket.destroySoon();
  }

  /** Closes what is idle now and the rest as it becomes idle. */
  drain(): void {
    this.#draining = true;
    for (const socket of this.#open) if (!(socket as KeptSocket)[requests]) socket.destroy();
  }

  /** Destroys what is left; answers how many. */
  destroyAll(): number {
    const left = this.#open.size;
    for (const socket of this.#open) socket.destroy();
    return left;
  }
}

/** One listener for all, and no table of requests: what a connection weighs counts ten thousand times. */
const keeper = Symbol('connections');
const requests = Symbol('requests under way');
type KeptSocket = Socket & { [keeper]?: Connections; [requests]?: number };

function forget(this: KeptSocket): void {
  this[keeper]?.forget(this);
}
