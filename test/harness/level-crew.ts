import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { FromOwner, LevelOwner, OwnerAnswers, OwnerTask, ToOwner } from './level-owner.ts';

const script = path.join(import.meta.dirname, 'level-owner.ts');

/** Rows that count their changes, kept by the test for all processes. */
export class CountedSource {
  readonly versions = new Map<string, number>();
  /** How often each key was read. */
  readonly reads = new Map<string, number>();
  readonly #answerMs: number;

  constructor({ answerMs }: { readonly answerMs: number }) {
    this.#answerMs = answerMs;
  }

  /** What is there when it is asked, told a little later. */
  async load(keys: readonly string[]): Promise<{ version: number }[]> {
    for (const key of keys) this.reads.set(key, (this.reads.get(key) ?? 0) + 1);
    const rows = keys.map((key) => ({ version: this.versions.get(key) ?? 1 }));
    await delay(this.#answerMs);
    return rows;
  }

  commit(key: string): number {
    const version = (this.versions.get(key) ?? 1) + 1;
    this.versions.set(key, version);
    return version;
  }
}

/** A process with one cache (level-owner.ts). */
export class LevelProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #source: CountedSource;
  readonly #waiting = new Map<number, (value: never) => void>();
  #serial = 0;

  private constructor(owner: LevelOwner, source: CountedSource) {
    this.#source = source;
    const env = { ...process.env, LEVEL_OWNER: JSON.stringify(owner) };
    this.#child = fork(script, { env, execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  }

  static async start(owner: LevelOwner, source: CountedSource): Promise<LevelProcess> {
    const started = new LevelProcess(owner, source);
    const ready = Promise.withResolvers<void>();
    started.#child.on('message', (message: FromOwner) => {
      if ('ready' in message) ready.resolve();
      else void started.#heed(message);
    });
    started.#child.once('exit', () => ready.reject(new Error(`${owner.processId} ended`)));
    await ready.promise;
    return started;
  }

  run<Task extends OwnerTask>(task: Task): Promise<OwnerAnswers[Task['task']]> {
    const ask = ++this.#serial;
    return new Promise((resolve) => {
      this.#waiting.set(ask, resolve);
      this.#send({ ask, task });
    });
  }

  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  async #heed(message: FromOwner): Promise<void> {
    if ('load' in message) {
      this.#send({ loaded: message.load, rows: await this.#source.load(message.keys) });
    } else if ('commit' in message) {
      this.#send({ committed: message.commit, version: this.#source.commit(message.key) });
    } else if ('answer' in message) {
      this.#waiting.get(message.answer)?.(message.value as never);
      this.#waiting.delete(message.answer);
    }
  }

  #send(message: ToOwner): void {
    if (this.#child.connected) this.#child.send(message);
  }
}

/** Several processes, started two at a time. */
export async function startLevelCrew(
  owners: readonly LevelOwner[],
  source: CountedSource,
): Promise<LevelProcess[]> {
  const crew: LevelProcess[] = [];
  for (let index = 0; index < owners.length; index += 2) {
    const pair = owners.slice(index, index + 2).map((owner) => LevelProcess.start(owner, source));
    crew.push(...(await Promise.all(pair)));
  }
  return crew;
}
