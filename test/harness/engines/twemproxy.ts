import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { twemproxyConfig, type Shard } from '../../../lib/collections/twemproxy-config.ts';
import { enginePath } from '../../engines.ts';
import { freePort } from '../gala.ts';
import { EngineProcess } from './engine-process.ts';

export interface TwemproxyOptions {
  readonly shards: readonly Shard[];
  readonly password?: string;
}

/** A proxy before some shards, which stay what they are. */
export class Twemproxy extends EngineProcess {
  readonly address: string;
  readonly #folder: string;

  private constructor(port: number, folder: string, args: readonly string[]) {
    super({ program: enginePath('nutcracker'), args, cwd: folder, port });
    this.#folder = folder;
    this.address = `127.0.0.1:${port}`;
  }

  static async start({ shards, password }: TwemproxyOptions): Promise<Twemproxy> {
    const [port, statsPort] = [await freePort(), await freePort()];
    const folder = await mkdtemp(join(tmpdir(), 'gala-twemproxy-'));
    const path = join(folder, 'proxy.yml');
    const listen = `127.0.0.1:${port}`;
    await writeFile(path, twemproxyConfig({ listen, shards, password, timeoutMs: 300 }));
    const args = ['-c', path, '-a', '127.0.0.1', '-s', String(statsPort), '-p', join(folder, 'pid')];
    const proxy = new Twemproxy(port, folder, [...args, '-o', join(folder, 'log')]);
    await proxy.start();
    return proxy;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.resume();
    await super[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
