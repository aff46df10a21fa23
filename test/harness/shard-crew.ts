import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { openWire, type TestPostgres } from '@gala/lib/sql/testing';
import type { ShardOptions } from '@gala/lib/jobs';

const ownerScript = path.join(import.meta.dirname, '../../lib/jobs/shard-owner.ts');

/** One worker process, whose coordination has a wire of its own to the database. */
export interface Worker {
  readonly id: string;
  readonly child: ChildProcess;
  /** Its coordination hears nothing more, without either side being told; its effects still reach the database. */
  readonly cut: () => void;
}

/** Worker processes of a sharded job, each killed at the end whatever became of it. */
export class Crew implements AsyncDisposable {
  readonly workers = new Map<string, Worker>();
  /** Codes of the errors that effects met. */
  readonly refusals = new Map<string, number>();
  readonly #postgres: TestPostgres;
  readonly #owner: { readonly options: ShardOptions; readonly failures: number; readonly deafEvery?: number };
  readonly #stack = new AsyncDisposableStack();
  #serial = 0;

  constructor(
    postgres: TestPostgres,
    owner: { options: ShardOptions; failures: number; deafEvery?: number },
  ) {
    this.#postgres = postgres;
    this.#owner = owner;
  }

  async hire(): Promise<Worker> {
    const wire = this.#stack.use(await openWire(this.#postgres.urls.core));
    const id = `worker-${++this.#serial}`;
    const isDeaf = this.#serial % (this.#owner.deafEvery ?? Infinity) === 0;
    const owner = {
      ...this.#owner,
      url: this.#postgres.urls.core,
      coordUrl: wire.url,
      processId: id,
      isDeaf,
    };
    const child = spawn(process.execPath, [ownerScript], {
      env: { ...process.env, SHARD_OWNER: JSON.stringify(owner) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#stack.defer(() => void child.kill('SIGKILL'));
    const worker: Worker = { id, child, cut: wire.cut };
    this.workers.set(id, worker);
    await once(child.stdout, 'data');
    child.stdout.on('data', (chunk: Buffer) => this.#note(chunk.toString()));
    return worker;
  }

  kill(id: string): void {
    this.workers.get(id)?.child.kill('SIGKILL');
    this.workers.delete(id);
  }

  /** Leaves as a process that is stopped orderly does. */
  async dismiss(id: string): Promise<void> {
    const { child } = this.workers.get(id)!;
    this.workers.delete(id);
    child.kill('SIGTERM');
    await once(child, 'exit');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync().then(() => undefined);
  }

  #note(lines: string): void {
    for (const code of lines.split('\n').filter(Boolean)) {
      this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
    }
  }
}
