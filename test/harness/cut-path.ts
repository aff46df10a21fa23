import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A way to an engine that can be cut and mended: while it is cut nothing passes, and nobody is told. */
export class CutPath implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async open(engineUrl: string): Promise<CutPath> {
    const { hostname, port } = new URL(engineUrl);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const path = new CutPath(server);
    server.on('connection', (near) => path.#carry(near, connect(Number(port), hostname)));
    return path;
  }

  cut(): void {
    this.#isCut = true;
  }

  /** What was under way when it was cut is gone: its connections end. */
  mend(): void {
    this.#isCut = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.mend();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #carry(near: Socket, far: Socket): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      this.#sockets.add(from);
      from.on('data', (chunk) => this.#isCut || to.write(chunk));
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }
}
