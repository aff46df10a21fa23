import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { enginePath } from '../../engines.ts';
import { freePort } from '../gala.ts';
import { waitFor } from '../wait.ts';

export interface MemcachedOptions {
  /** Of items, in MB. */
  readonly memory?: number;
}

/** A Memcached of a test, on a port that it keeps over restarts. It ends with the test process at the latest. */
export class Memcached implements AsyncDisposable {
  readonly port: number;
  readonly address: string;
  readonly #memory: number;
  #child: ChildProcess | undefined;
  readonly #endWithUs = (): void => void this.#child?.kill('SIGKILL');

  private constructor(port: number, { memory = 64 }: MemcachedOptions) {
    this.port = port;
    this.address = `127.0.0.1:${port}`;
    this.#memory = memory;
    process.once('exit', this.#endWithUs);
  }

  static async start(options: MemcachedOptions = {}): Promise<Memcached> {
    const memcached = new Memcached(await freePort(), options);
    await memcached.restart();
    return memcached;
  }

  /** Starts it again, empty, where it was killed. */
  async restart(): Promise<void> {
    const place = ['-l', '127.0.0.1', '-p', String(this.port), '-U', '0'];
    const size = ['-m', String(this.#memory), '-t', '2', '-c', '512'];
    const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
    const child = spawn(enginePath('memcached'), [...place, ...size, ...user], { stdio: 'ignore' });
    this.#child = child;
    const isUp = (): Promise<boolean> | never => {
      if (child.exitCode !== null) throw new Error(`memcached ended with ${child.exitCode}`);
      return accepts(this.port);
    };
    await waitFor(isUp, { what: 'memcached' });
  }

  /** SIGKILL; its port refuses connections then. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** A black hole: the system accepts connections and bytes, nobody answers. */
  stop(): void {
    this.#child?.kill('SIGSTOP');
  }

  /** Answers again, with all that it had. */
  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.#endWithUs);
    await this.kill();
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

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const isUp = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isUp;
}
