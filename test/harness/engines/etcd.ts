import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { request as requestSecure } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { enginePath } from '../../engines.ts';
import { freePort } from '../gala.ts';
import { waitFor } from '../wait.ts';
import { EngineProcess } from './engine-process.ts';

/** Half of etcd's default: with it an election fits into what remains of a lease. */
const timing = ['--heartbeat-interval=100', '--election-timeout=500'];

export interface EtcdOptions {
  /** 1 by default. */
  readonly members?: number;
  /** Further arguments of each member. */
  readonly args?: readonly string[];
  /** PEM of a certificate that vouches for itself: clients are answered over TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** One etcd process; what it has written stays between its starts. */
export class EtcdMember extends EngineProcess {
  readonly url: string;

  constructor({ place, folder, args }: { place: Place; folder: string; args: readonly string[] }) {
    const { name, url, port, peerUrl } = place;
    const own = [
      `--name=${name}`,
      `--data-dir=${join(folder, name)}`,
      `--listen-client-urls=${url.replace('localhost', '127.0.0.1')}`,
      `--advertise-client-urls=${url}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
    ];
    super({ program: enginePath('etcd'), args: [...own, ...args], cwd: folder, port });
    this.url = url;
  }
}

interface Place {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  readonly peerUrl: string;
}

/** A cluster of its own on free ports, in a temporary folder; ends with its test. */
export class EtcdCluster implements AsyncDisposable {
  readonly members: readonly EtcdMember[];
  readonly #folder: string;
  readonly #ca: string | undefined;

  private constructor(members: readonly EtcdMember[], folder: string, ca: string | undefined) {
    this.members = members;
    this.#folder = folder;
    this.#ca = ca;
  }

  static async start(options: EtcdOptions = {}): Promise<EtcdCluster> {
    const { members: count = 1, args = [], tls } = options;
    const folder = await mkdtemp(join(tmpdir(), 'gala-etcd-'));
    const places: Place[] = [];
    for (let index = 1; index <= count; index++) {
      const [port, peerPort] = [await freePort(), await freePort()];
      const url = tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
      places.push({ name: `etcd-${index}`, url, port, peerUrl: `http://127.0.0.1:${peerPort}` });
    }
    const initial = `--initial-cluster=${places.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',')}`;
    const all = [
      initial,
      ...timing,
      '--logger=zap',
      '--log-level=error',
      ...args,
      ...(await tlsArgs(folder, tls)),
    ];
    const cluster = new EtcdCluster(
      places.map((place) => new EtcdMember({ place, folder, args: all })),
      folder,
      tls?.cert,
    );
    try {
      await Promise.all(cluster.members.map((member) => member.start()));
      await cluster.ready();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** File of the authority for its clients. */
  get caPath(): string {
    return join(this.#folder, 'cert.pem');
  }

  get endpoints(): string[] {
    return this.members.map(({ url }) => url);
  }

  /** Resolves when `members` (all by default) answer and have a leader. */
  async ready(members: readonly EtcdMember[] = this.members): Promise<void> {
    const isReady = async ({ url }: EtcdMember): Promise<boolean> => {
      const answer = await ask(`${url}/health`, { ca: this.#ca }).catch(() => '{}');
      return (JSON.parse(answer) as { health?: string }).health === 'true';
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
        for (const member of this.members)
          if (member.isRunning && (await this.#isLeader(member))) return member;
        return undefined;
      },
      { what: 'a leader of etcd' },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map((member) => member[Symbol.asyncDispose]()));
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #isLeader({ url }: EtcdMember): Promise<boolean> {
    const answer = await ask(`${url}/v3/maintenance/status`, { ca: this.#ca, body: '{}' }).catch(() => '{}');
    const { header, leader } = JSON.parse(answer) as { header?: { member_id: string }; leader?: string };
    return leader !== undefined && header?.member_id === leader;
  }
}

async function tlsArgs(folder: string, tls: EtcdOptions['tls']): Promise<string[]> {
  if (!tls) return [];
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  await Promise.all([writeFile(cert, tls.cert), writeFile(key, tls.key)]);
  return [`--cert-file=${cert}`, `--key-file=${key}`];
}

/** GET, or POST of a body, within a second. */
async function ask(url: string, { ca, body }: { ca: string | undefined; body?: string }): Promise<string> {
  const send = url.startsWith('https') ? requestSecure : request;
  const asked = send(url, { ca, method: body ? 'POST' : 'GET', signal: AbortSignal.timeout(1000) });
  asked.end(body);
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  return text(answer);
}
