import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProxyProcessOptions {
  /** Of nutcracker. */
  readonly program: string;
  readonly host: string;
  readonly port: number;
  /** Configuration, pid and log of it are kept here. */
  readonly folder: string;
}

const answerMsMax = 500;
const startMsMax = 5000;
const startsMax = 3;
const stopMsMax = 2000;

/**
 * One Twemproxy of this host. It outlives the agent: one that runs already, left by an agent that was killed, is
 * taken over rather than started again.
 */
export class ProxyProcess {
  readonly name: string;
  readonly #options: ProxyProcessOptions;
  readonly #configPath: string;
  readonly #pidPath: string;
  #pid: number | undefined;
  #config: string | undefined;

  constructor(options: ProxyProcessOptions) {
    this.#options = options;
    this.name = `${options.host}:${options.port}`;
    this.#configPath = join(options.folder, `proxy-${options.port}.yml`);
    this.#pidPath = join(options.folder, `proxy-${options.port}.pid`);
  }

  get pid(): number | undefined {
    return this.isAlive ? this.#pid : undefined;
  }

  get isAlive(): boolean {
    return this.#pid !== undefined && isOurs(this.#pid, this.#configPath);
  }

  /** What it runs with; undefined before it was ever configured. */
  get config(): string | undefined {
    return this.#config;
  }

  /** Takes over the process and the configuration that an agent before has left. */
  async adopt(): Promise<void> {
    const pid = Number(await readFile(this.#pidPath, 'utf8').catch(() => ''));
    if (Number.isInteger(pid) && pid > 0) this.#pid = pid;
    this.#config = await readFile(this.#configPath, 'utf8').catch(() => undefined);
  }

  /** Writes its configuration; readable by this user alone, since it holds the password. */
  async configure(config: string): Promise<void> {
    const path = `${this.#configPath}.new`;
    await writeFile(path, config, { mode: 0o600 });
    await rename(path, this.#configPath);
    this.#config = config;
  }

  /** Ends it if it runs, starts it with its configuration, and answers whether it answers. */
  async restart(signalName: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<boolean> {
    await this.stop(signalName);
    // Another program may have taken the port for its statistics in between; it ends at once then.
    for (let attempt = 0; attempt < startsMax; attempt++) {
      await this.#spawn();
      if (await this.#begins()) return true;
      if (this.isAlive) return false;
    }
    return false;
  }

  async stop(signalName: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const pid = this.pid;
    if (pid === undefined) return;
    signal(pid, signalName);
    const endsAtMs = performance.now() + stopMsMax;
    while (this.isAlive && performance.now() < endsAtMs) await sleep(5);
    if (this.isAlive) signal(pid, 'SIGKILL');
    while (this.isAlive) await sleep(5);
  }

  /** Whether it says anything at all to a PING: of a password too, which only it could ask for. */
  answers(): Promise<boolean> {
    const { host, port } = this.#options;
    return new Promise((resolve) => {
      const socket = connect(port, host, () => socket.write('*1\r\n$4\r\nPING\r\n'));
      const settle = (answered: boolean): void => {
        socket.destroy();
        resolve(answered);
      };
      socket.setTimeout(answerMsMax, () => settle(false));
      socket.once('data', () => settle(true));
      socket.once('error', () => settle(false));
      socket.once('close', () => settle(false));
    });
  }

  async #begins(): Promise<boolean> {
    const endsAtMs = performance.now() + startMsMax;
    while (this.isAlive && performance.now() < endsAtMs) {
      if (await this.answers()) return true;
      await sleep(10);
    }
    return false;
  }

  async #spawn(): Promise<void> {
    const { program, folder, port } = this.#options;
    const stats = ['-a', '127.0.0.1', '-s', String(await freePort())];
    const files = ['-c', this.#configPath, '-o', join(folder, `proxy-${port}.log`)];
    const child = spawn(program, [...files, ...stats], { cwd: folder, stdio: 'ignore', detached: true });
    this.#pid = child.pid;
    child.unref();
    const isStarted = await once(child, 'spawn').then(
      () => true,
      () => false,
    );
    // It writes its pid only as a daemon, which is nobody's child and cannot be waited for.
    if (isStarted) await writeFile(this.#pidPath, String(child.pid));
  }
}

/** A pid may be another program's by now: only one that was started with our file is ours. */
function isOurs(pid: number, configPath: string): boolean {
  try {
    process.kill(pid, 0);
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    if (stat[stat.lastIndexOf(')') + 2] === 'Z') return false;
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(configPath);
  } catch {
    return false;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself meanwhile.
  }
}

/** The statistics of each proxy need a port; nothing of ours reads them. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
