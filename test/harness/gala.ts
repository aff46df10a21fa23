import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createRoomClient, type RoomClient } from '@gala/sdk/room';
import { layDataFolder } from '../../lib/sql/testing/template.ts';
import { waitFor } from './wait.ts';

const root = join(import.meta.dirname, '..', '..');
const startMsMax = 100_000;
const stopMsMax = 15_000;

export type Placement = 'default' | 'one' | 'split';

export interface GalaOptions {
  readonly placement?: Placement;
  readonly env?: NodeJS.ProcessEnv;
  /** A data folder to start on; otherwise one with new databases, removed at the end. */
  readonly dataFolder?: string;
  readonly args?: readonly string[];
  /** Those that have to be known before; any free ones otherwise. */
  readonly ports?: Partial<Ports>;
}

interface Ports {
  readonly http: number;
  readonly live: number;
  readonly rtmp: number;
  readonly rtmps: number;
  readonly admin: number;
}

export interface ProcessStatus {
  readonly name: string;
  readonly roles: readonly string[];
  readonly pid: number;
  readonly state: string;
  readonly restarts: number;
}

/** A host as a scenario uses it. */
export interface TestHost {
  readonly name: string;
  readonly hostId: number;
  readonly streamKey: string;
  readonly password: string;
}

/** `gala up` as a user runs it, on ports of its own. */
export class Gala implements AsyncDisposable {
  readonly webUrl: string;
  readonly liveUrl: string;
  readonly rtmpUrl: string;
  readonly rtmpPort: number;
  /** Listened on where there is a certificate. */
  readonly rtmpsUrl: string;
  readonly adminUrl: string;
  readonly dataFolder: string;
  readonly operator: RoomClient;
  readonly anyone: RoomClient;
  /** Everything that it printed. */
  readonly lines: string[];
  readonly #process: ChildProcess;
  readonly #ownsData: boolean;

  private constructor(parts: {
    process: ChildProcess;
    ports: Ports;
    options: GalaOptions;
    dataFolder: string;
    token: string;
    lines: string[];
  }) {
    const { ports, options, dataFolder, token } = parts;
    this.#process = parts.process;
    this.#ownsData = options.dataFolder === undefined;
    this.dataFolder = dataFolder;
    this.lines = parts.lines;
    const scheme = options.env?.GALA_TLS_CERT ? 'https' : 'http';
    this.webUrl = `${scheme}://127.0.0.1:${ports.http}`;
    this.liveUrl = `${scheme}://127.0.0.1:${options.placement === 'one' ? ports.http : ports.live}`;
    this.rtmpUrl = `rtmp://127.0.0.1:${ports.rtmp}/live`;
    this.rtmpPort = ports.rtmp;
    this.rtmpsUrl = `rtmps://127.0.0.1:${ports.rtmps}/live`;
    this.adminUrl = `http://127.0.0.1:${ports.admin}`;
    this.operator = createRoomClient({ baseUrl: this.adminUrl, token });
    this.anyone = createRoomClient({ baseUrl: this.webUrl });
  }

  static async start(options: GalaOptions = {}): Promise<Gala> {
    const dataFolder = options.dataFolder ?? (await newDataFolder());
    const ports = { ...(await freePorts()), ...options.ports };
    const lines: string[] = [];
    const child = launch(options, ports, dataFolder);
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => lines.push(line));
    }
    const failed = once(child, 'exit').then(([code, signal]) => {
      throw new Error(`gala up ended with ${String(signal ?? code)}:\n${lines.join('\n')}`);
    });
    const ready = waitFor(() => lines.some((line) => line.startsWith('ready ')), {
      timeoutMs: startMsMax,
      what: 'ready',
    });
    await Promise.race([ready, failed]);
    failed.catch(() => undefined);
    const token = (await readFile(join(dataFolder, 'admin.token'), 'utf8')).trim();
    return new Gala({ process: child, ports, options, dataFolder, token, lines });
  }

  get pid(): number {
    return this.#process.pid!;
  }

  /** Of the supervisor; null while it runs and when a signal ended it. */
  get exitCode(): number | null {
    return this.#process.exitCode;
  }

  /** A host with a stream key and a password. */
  async createHost(name: string): Promise<TestHost> {
    const password = `${name}-password`;
    const { host, streamKey } = await this.operator.createHost({ name, password });
    return { name, hostId: host.hostId, streamKey, password };
  }

  async processes(): Promise<ProcessStatus[]> {
    const answer = await fetch(`${this.adminUrl}/status`);
    return ((await answer.json()) as { processes: ProcessStatus[] }).processes;
  }

  /** Viewers of the host's stream, as its edge lists them. */
  async viewersOf(host: TestHost): Promise<{ framing: string; latency: string }[]> {
    const { room } = await this.operator.enterRoom({ roomRef: `@${host.name}` });
    const edge = (await this.processes()).find(({ roles }) => roles.includes('edge'));
    const answer = await fetch(`${this.adminUrl}/processes/${edge?.name}/streams?room=${room.roomId}`);
    return ((await answer.json()) as { viewers: { framing: string; latency: string }[] }).viewers;
  }

  async pidOf(name: string): Promise<number> {
    const found = (await this.processes()).find((each) => each.name === name);
    if (!found) throw new Error(`no process ${name}`);
    return found.pid;
  }

  async metrics(): Promise<string> {
    return (await fetch(`${this.adminUrl}/metrics`)).text();
  }

  /** Value of a metric, summed over all processes; 0 when it is not there. */
  async metric(name: string): Promise<number> {
    const lines = (await this.metrics()).split('\n').filter((line) => line.startsWith(`${name}{`));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  /** As Ctrl-C does; resolves when it has ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    const killer = setTimeout(() => this.#process.kill('SIGKILL'), stopMsMax);
    this.#process.kill(signal);
    await ended;
    clearTimeout(killer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    if (this.#ownsData) await rm(this.dataFolder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function launch(options: GalaOptions, ports: Ports, dataFolder: string): ChildProcess {
  const { placement = 'default', args = ['--no-demo'], env } = options;
  const flags = placement === 'default' ? [] : [`--${placement}`];
  return spawn(process.execPath, [join(root, 'dist/cli/gala.js'), 'up', ...flags, ...args], {
    cwd: root,
    env: {
      ...process.env,
      GALA_DATA: dataFolder,
      GALA_HTTP_PORT: String(ports.http),
      GALA_LIVE_PORT: String(ports.live),
      GALA_RTMP_PORT: String(ports.rtmp),
      GALA_RTMP_TLS_PORT: String(ports.rtmps),
      GALA_ADMIN_PORT: String(ports.admin),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function freePorts(): Promise<Ports> {
  const [http, live, rtmp, rtmps, admin] = await Promise.all(Array.from({ length: 5 }, () => freePort()));
  return { http, live, rtmp, rtmps, admin };
}

async function newDataFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'gala-test-'));
  // The database runs as another user when the tests run as root; it must be able to enter.
  await chmod(path, 0o755);
  await layDataFolder(path);
  return path;
}

/** Below those that the system gives out, apart from those of other workers, and with room behind each. */
const ports = { first: 10_000, ofWorker: 2_000, step: 10 };
const worker = Number(process.env['VITEST_POOL_ID'] ?? 0) % 10;
let portsGiven = Math.floor(Math.random() * ports.ofWorker);

/** A port that nobody listens on, and that no connection of this machine is given meanwhile. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = ports.first + worker * ports.ofWorker + (portsGiven % ports.ofWorker);
    portsGiven += ports.step;
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
