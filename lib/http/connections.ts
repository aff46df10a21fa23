import type { Socket } from 'node:net';

/**
 * The open connections of a listener and which of them have a request under way. node:http's own
 * `closeIdleConnections` is not used: it also destroys sockets whose last bytes are still on their way.
 */
export class Connections {
  readonly #open = new Set<Socket>();
  readonly #requests = new Map<Socket, number>();
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
    socket.on('close', forget);
  }

  forget(socket: Socket): void {
    this.#open.delete(socket);
    this.#requests.delete(socket);
  }

  /** Marks a request as under way; a hand-over to a role (upgrade, raw socket) never ends it. */
  begin(socket: Socket): void {
    if (this.#open.has(socket)) this.#requests.set(socket, (this.#requests.get(socket) ?? 0) + 1);
  }

  end(socket: Socket): void {
    const rest = (this.#requests.get(socket) ?? 1) - 1;
    if (rest > 0) this.#requests.set(socket, rest);
    else this.#requests.delete(socket);
    if (rest === 0 && this.#draining) socket.destroySoon();
  }

  /** Closes what is idle now and the rest as it becomes idle. */
  drain(): void {
    this.#draining = true;
    for (const socket of this.#open) if (!this.#requests.has(socket)) socket.destroy();
  }

  /** Destroys what is left; answers how many. */
  destroyAll(): number {
    const left = this.#open.size;
    for (const socket of this.#open) socket.destroy();
    return left;
  }
}

/** One listener for all: what a connection weighs counts ten thousand times. */
const keeper = Symbol('connections');
type KeptSocket = Socket & { [keeper]?: Connections };

function forget(this: KeptSocket): void {
  this[keeper]?.forget(this);
}
