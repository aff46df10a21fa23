import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..', '..');

export interface CommandOptions {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly uid?: number;
}

/** `gala <args…>` as a process of its own, with all that it prints. */
export class GalaCommand implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly lines: string[] = [];

  constructor({ args, env, uid }: CommandOptions) {
    this.process = spawn(process.execPath, [join(root, 'dist/cli/gala.js'), ...args], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    for (const stream of [this.process.stdout!, this.process.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => this.lines.push(line));
    }
  }

  get output(): string {
    return this.lines.join('\n');
  }

  get isReady(): boolean {
    return this.lines.some((line) => line.startsWith('ready '));
  }

  get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** Resolves with the exit code once it has ended and said everything. */
  async ended(): Promise<number | null> {
    if (!this.hasEnded) await once(this.process, 'close');
    return this.process.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasEnded) this.process.kill('SIGTERM');
    await this.ended();
  }
}

/** Environment of an installation on ports of its own choice. */
export function portsEnv(ports: Partial<Record<'http' | 'live' | 'rtmp' | 'admin' | 'rpc', number>>) {
  return Object.fromEntries(
    Object.entries(ports).map(([name, port]) => [`GALA_${name.toUpperCase()}_PORT`, String(port)]),
  );
}
