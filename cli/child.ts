import { fork, type ChildProcess } from 'node:child_process';
import { setPriority } from 'node:os';
import { CodedError } from '@gala/lib/error';
import type { Logger } from '@gala/lib/logger';
import type { DemoStartMessage, FromProcess, StartMessage } from './entry/messages.ts';
import { cliErrors } from './errors.ts';

const restartMs = { first: 200, max: 10_000 };
/** A process that lived this long is well again: the next restart is quick. */
const wellMs = 30_000;
/** So many ends within `wellMs` of their start are a crash loop, which is said once and slows restarts down. */
const crashLoopCount = 5;
const metricsTimeoutMs = 2_000;

export interface ChildOptions {
  readonly start: StartMessage | DemoStartMessage;
  readonly entry: string;
  readonly nice: number;
  readonly logger: Logger;
}

export interface ChildStatus {
  readonly name: string;
  readonly roles: readonly string[];
  readonly pid: number | undefined;
  readonly state: 'starting' | 'running' | 'restarting' | 'stopped';
  readonly restarts: number;
  readonly addresses: Readonly<Record<string, string>>;
}

/** One process of the placement table: started, watched, restarted with back-off, drained at the end. */
export class Child {
  readonly #options: ChildOptions;
  #process: ChildProcess | undefined;
  #state: ChildStatus['state'] = 'starting';
  #addresses: Readonly<Record<string, string>> = {};
  #restarts = 0;
  #quickEnds = 0;
  /** What the process said of its failed start. */
  #failure: CodedError | undefined;
  #startedAtMs = 0;
  #restartTimer: NodeJS.Timeout | undefined;
  #metricsId = 0;
  #exited = Promise.withResolvers<void>();

  constructor(options: ChildOptions) {
    this.#options = options;
  }

  status(): ChildStatus {
    const { name, roles } = this.#options.start;
    const { pid } = this.#process ?? {};
    return { name, roles, pid, state: this.#state, restarts: this.#restarts, addresses: this.#addresses };
  }

  /**
   * Starts it for the first time; a failure to start is the caller's.
   * @throws CodedError START_FAILED, or the code that the process gave (PORT_TAKEN …)
   */
  async start(): Promise<void> {
    const first = Promise.withResolvers<void>();
    this.#launch((error) => (error ? first.reject(error) : first.resolve()));
    await first.promise;
  }

  /** Lets it drain and waits for its end; after `drainMs` it is killed. */
  async stop(drainMs: number): Promise<void> {
    clearTimeout(this.#restartTimer);
    this.#state = 'stopped';
    const child = this.#process;
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return;
    if (child.connected) child.send({ type: 'stop' });
    const killer = setTimeout(() => child.kill('SIGKILL'), drainMs);
    await this.#exited.promise;
    clearTimeout(killer);
  }

  /** Ends it at once, for good. */
  hurry(): void {
    clearTimeout(this.#restartTimer);
    this.#state = 'stopped';
    this.#process?.kill('SIGKILL');
  }

  /** Its metrics as prom-client JSON; empty when it does not answer in time. */
  metrics(): Promise<object[]> {
    const child = this.#process;
    if (!child?.connected) return Promise.resolve([]);
    const id = ++this.#metricsId;
    return new Promise((resolve) => {
      const finish = (metrics: object[]): void => {
        clearTimeout(timer);
        child.off('message', listener);
        resolve(metrics);
      };
      const timer = setTimeout(() => finish([]), metricsTimeoutMs);
      const listener = (message: FromProcess): void => {
        if (message.type === 'metrics' && message.id === id) finish(message.metrics);
      };
      child.on('message', listener);
      child.send({ type: 'metrics', id });
    });
  }

  #launch(onFirst?: (error?: Error) => void): void {
    const { start, entry, nice } = this.#options;
    const child = fork(entry, [start.name], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    this.#process = child;
    this.#failure = undefined;
    this.#startedAtMs = performance.now();
    this.#exited = Promise.withResolvers<void>();
    if (child.pid && nice) setPriority(child.pid, nice);
    child.on('message', (message: FromProcess) => this.#onMessage(message, onFirst));
    child.on('error', (error) => onFirst?.(error));
    child.once('exit', (code, signal) => {
      this.#exited.resolve();
      onFirst?.(
        new CodedError(cliErrors, 'START_FAILED', { detail: `${start.name} ended with ${signal ?? code}` }),
      );
      this.#onExit(code, signal);
    });
    child.send(start);
  }

  #onMessage(message: FromProcess, onFirst?: (error?: Error) => void): void {
    // A process that was told to stop while it started may still say that it is ready: it is not.
    if (message.type === 'ready' && this.#state !== 'stopped') {
      this.#state = 'running';
      this.#addresses = message.addresses;
      onFirst?.();
    } else if (message.type === 'failed') {
      const table = { [message.code]: { http: 500, grpc: 13, message: message.message } };
      this.#failure = new CodedError(table, message.code);
      onFirst?.(this.#failure);
    }
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    const wasStarting = this.#state === 'starting';
    if (this.#state === 'stopped' || wasStarting) return;
    this.#state = 'restarting';
    const { name } = this.#options.start;
    const delayMs = this.#nextDelayMs();
    const reason = this.#failure && `${this.#failure.message} [${this.#failure.code}]`;
    const fields = { process: name, code, signal, reason, delayMs };
    this.#options.logger.error(fields, 'a process ended, starting it again');
    if (this.#quickEnds === crashLoopCount) {
      this.#options.logger.error(
        { process: name, reason, ends: crashLoopCount, withinMs: wellMs },
        'a process is in a crash loop, starting it ever more slowly',
      );
    }
    this.#restartTimer = setTimeout(() => {
      this.#restarts++;
      this.#launch();
    }, delayMs);
  }

  #nextDelayMs(): number {
    const isQuick = performance.now() - this.#startedAtMs < wellMs;
    this.#quickEnds = isQuick ? this.#quickEnds + 1 : 0;
    return Math.min(restartMs.first * 2 ** Math.max(0, this.#quickEnds - 1), restartMs.max);
  }
}
