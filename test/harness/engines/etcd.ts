import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enginePath } from '../../engines.ts';
import { freePort } from '../gala.ts';
import { waitFor } from '../wait.ts';

/** Half of etcd's default: with it an election fits into what remains of a lease. */
const timing = ['--heartbeat-interval=100', '--election-timeout=500'];

export interface EtcdOptions {
  /** 1 by default. */
  readonly members?: number;
  /** Further arguments of each member. */
  readonly args?: readonly string[];
  /** Of the clients' addresses; `args` bring the certificates. */
  readonly scheme?: 'http' | 'https';
}

/** One etcd process; what it has written stays between its starts. */
export class EtcdMember {
  readonly name: string;
  readonly url: string;
  readonly peerUrl: string;
  readonly #folder: string;
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;

  constructor(options: {
    name: string;
    url: string;
    peerUrl: string;
    folder: string;
    args: readonly string[];
  }) {
    this.name = options.name;
    this.url = options.url;
    this.peerUrl = options.peerUrl;
    this.#folder = options.folder;
    this.#args = options.args;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts it, on what it has written before; it is of use when `EtcdCluster.ready` says so. */
  start(): void {
    const urls = [
      `--listen-client-urls=${this.url}`,
      `--advertise-client-urls=${this.url}`,
      `--listen-peer-urls=${this.peerUrl}`,
      `--initial-advertise-peer-urls=${this.peerUrl}`,
    ];
    const args = [
      `--name=${this.name}`,
      `--data-dir=${join(this.#folder, this.name)}`,
      ...urls,
      ...this.#args,
    ];
    this.#process = spawn(enginePath('etcd'), args, { stdio: 'ignore' });
  }

  /** SIGKILL; resolves when it has ended. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** SIGSTOP: its connections stay open and nothing answers. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }
}

/** A cluster of its own on free ports, in a temporary folder; ends with its test. */
export class EtcdCluster implements AsyncDisposable {
  readonly members: readonly EtcdMember[];
  readonly #folder: string;

  private constructor(members: readonly EtcdMember[], folder: string) {
    this.members = members;
    this.#folder = folder;
  }

  static async start(options: EtcdOptions = {}): Promise<EtcdCluster> {
    const { members: count = 1, args = [], scheme = 'http' } = options;
    const folder = await mkdtemp(join(tmpdir(), 'gala-etcd-'));
    const places = [];
    for (let index = 1; index <= count; index++) {
      const [port, peerPort] = [await freePort(), await freePort()];
      const url = `${scheme}://127.0.0.1:${port}`;
      places.push({ name: `etcd-${index}`, url, peerUrl: `http://127.0.0.1:${peerPort}` });
    }
    const initial = `--initial-cluster=${places.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',')}`;
    const all = [initial, ...timing, '--logger=zap', '--log-level=error', ...args];
    const cluster = new EtcdCluster(
      places.map((place) => new EtcdMember({ ...place, folder, args: all })),
      folder,
    );
    try {
      for (const member of cluster.members) member.start();
      if (scheme === 'http') await cluster.ready();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  get endpoints(): string[] {
    return this.members.map(({ url }) => url);
  }

  /** Resolves when `members` (all by default) answer and have a leader. */
  async ready(members: readonly EtcdMember[] = this.members): Promise<void> {
    const isReady = async ({ url }: EtcdMember): Promise<boolean> => {
      const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(1000) }).catch(
        () => undefined,
      );
      return ((await answer?.json().catch(() => ({}))) as { health?: string } | undefined)?.health === 'true';
    };
    await waitFor(async () => (await Promise.all(members.map(isReady))).every(Boolean), {
      timeoutMs: 20_000,
      what: 'etcd with a leader',
    });
  }

  /** The member that leads now. */
  async leader(): Promise<EtcdMember> {
    return waitFor(
      async () => {
        for (const member of this.members) if (member.pid && (await this.#isLeader(member))) return member;
        return undefined;
      },
      { what: 'a leader of etcd' },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #isLeader({ url }: EtcdMember): Promise<boolean> {
    const signal = AbortSignal.timeout(1000);
    const asked = fetch(`${url}/v3/maintenance/status`, { method: 'POST', body: '{}', signal });
    const answer = await asked.then((response) => response.json()).catch(() => undefined);
    const { header, leader } = (answer ?? {}) as { header?: { member_id: string }; leader?: string };
    return leader !== undefined && header?.member_id === leader;
  }
}
