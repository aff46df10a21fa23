import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { suspend } from '../processes.ts';
import { waitFor } from '../wait.ts';

export interface EngineCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** It listens here when it is ready. */
  readonly port: number;
  /** 10 s unless told. */
  readonly startMsMax?: number;
}

const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** A program that a test started: killed, stopped, continued and started again at will; it ends with its test. */
export class EngineProcess implements AsyncDisposable {
  readonly port: number;
  readonly #command: EngineCommand;
  #child: ChildProcess | undefined;
  #output = '';

  constructor(command: EngineCommand) {
    this.#command = command;
    this.port = command.port;
  }

  /** While it runs. */
  get pid(): number {
    if (!this.#child?.pid) throw new Error(`${this.#command.program} does not run`);
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Starts it, the same as before if it ran before, and waits until it listens. */
  async start(): Promise<void> {
    const { program, args, cwd, port, startMsMax: timeoutMs } = this.#command;
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    running.add(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => (this.#output = (this.#output + data.toString()).slice(-4000)));
    }
    const ended = once(child, 'close').then(() => {
      running.delete(child);
      if (this.#child === child) this.#child = undefined;
    });
    await waitFor(() => !this.isRunning || canConnect(port), { what: `${program} on ${port}`, timeoutMs });
    if (!this.isRunning) {
      await ended;
      throw new Error(`${program} ended at its start:\n${this.#output}`);
    }
  }

  /** At once, as `kill -9` does; resolves when it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const closed = once(child, 'close');
    child.kill(signal);
    await closed;
  }

  /** It is there, and answers nothing. */
  async pause(): Promise<void> {
    await suspend([this.pid]);
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });
}
