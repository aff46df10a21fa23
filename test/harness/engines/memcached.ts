import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { enginePath } from '../../engines.ts';
import { freePort } from '../gala.ts';
import { EngineProcess } from './engine-process.ts';

export interface MemcachedOptions {
  /** Of items, in MB. */
  readonly memory?: number;
}

/**
 * A Memcached on a free port, empty after each start. Paused it is a black hole: the system accepts connections and
 * bytes, nobody answers.
 */
export class Memcached extends EngineProcess {
  readonly address: string;

  private constructor(port: number, { memory = 64 }: MemcachedOptions) {
    const place = ['-l', '127.0.0.1', '-p', String(port), '-U', '0'];
    const size = ['-m', String(memory), '-t', '2', '-c', '512'];
    const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
    super({ program: enginePath('memcached'), args: [...place, ...size, ...user], cwd: '/', port });
    this.address = `127.0.0.1:${port}`;
  }

  static async start(options: MemcachedOptions = {}): Promise<Memcached> {
    const memcached = new Memcached(await freePort(), options);
    await memcached.start();
    return memcached;
  }
}

/** Several at once; all end together. */
export async function startMemcacheds(count: number, options?: MemcachedOptions): Promise<Memcached[]> {
  return Promise.all(Array.from({ length: count }, () => Memcached.start(options)));
}

/** Takes connections and everything that is sent, and never says a word. */
export class BlackHole implements AsyncDisposable {
  readonly port: number;
  readonly address: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.address = `127.0.0.1:${this.port}`;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
      socket.resume();
    });
  }

  static async start(): Promise<BlackHole> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new BlackHole(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
