import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enginePath } from '../../engines.ts';
import { freePort } from '../gala.ts';
import { EngineProcess } from './engine-process.ts';
import { askRedis, type RespReply } from './resp.ts';

export interface RedisOptions {
  /** Port of the master that it copies. */
  readonly replicaOf?: number;
  readonly password?: string;
  /** Further options: `['--maxmemory', '10mb']`. */
  readonly args?: readonly string[];
}

/** A Redis on a free port. It keeps nothing over a restart. */
export class RedisServer extends EngineProcess {
  readonly address: string;
  readonly #folder: string;
  readonly #password: string | undefined;

  private constructor(port: number, folder: string, options: RedisOptions) {
    const args = argumentsOf(port, options);
    super({ program: enginePath('redis-server'), args, cwd: folder, port });
    this.#folder = folder;
    this.#password = options.password;
    this.address = `127.0.0.1:${port}`;
  }

  static async start(options: RedisOptions = {}): Promise<RedisServer> {
    const [port, folder] = [await freePort(), await mkdtemp(join(tmpdir(), 'gala-redis-'))];
    const server = new RedisServer(port, folder, options);
    await server.start();
    return server;
  }

  /** `ask('INFO', 'memory')`. */
  ask(...words: readonly string[]): Promise<RespReply> {
    return askRedis(this.port, words, this.#password);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function argumentsOf(port: number, { replicaOf, password, args = [] }: RedisOptions): string[] {
  // A replica must be able to take over within the second that tests give it.
  const quick = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'];
  const unsaved = ['--save', '', '--appendonly', 'no'];
  return [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    ...unsaved,
    ...quick,
    ...(replicaOf === undefined ? [] : ['--replicaof', '127.0.0.1', String(replicaOf)]),
    ...(password === undefined ? [] : ['--requirepass', password, '--masterauth', password]),
    ...args,
  ];
}
