import { watch, type FSWatcher } from 'node:fs';
import { open, truncate, type FileHandle } from 'node:fs/promises';
import type { Logger } from '../logger/index.ts';

const bytesMax = 4 * 1024 * 1024;
const readBytesMax = 256 * 1024;
const recentMax = 20;

/** SQLSTATE classes that end sessions in the ordinary course of things: shutdown, start-up, a client's cancel. */
const ordinaryStates = new Set(['57P01', '57P02', '57P03', '57014']);

/** `log_line_prefix` of the server, matched by `linePattern`. */
export const serverLogPrefix = '%p %e ';
const linePattern = /^(\d+) ([0-9A-Z]{5}) (\w+): {2}(.*)$/;

/**
 * Follows the file that the server writes its log to, so that a server which outlived its parent is
 * heard again. FATAL and PANIC become errors of our log, the rest debug lines; the file is cut at 4 MiB.
 */
export class ServerLog implements AsyncDisposable {
  readonly #file: string;
  readonly #logger: Logger;
  readonly #handle: FileHandle;
  readonly #recent: string[] = [];
  #watcher: FSWatcher | undefined;
  #offset: number;
  #rest = '';
  #reading: Promise<void> = Promise.resolve();

  private constructor(file: string, logger: Logger, opened: { handle: FileHandle; size: number }) {
    this.#file = file;
    this.#logger = logger;
    this.#handle = opened.handle;
    this.#offset = opened.size;
  }

  static async open(file: string, logger: Logger): Promise<ServerLog> {
    const handle = await open(file, 'a+', 0o600);
    const log = new ServerLog(file, logger, { handle, size: (await handle.stat()).size });
    log.#watcher = watch(file, { persistent: false }, () => void log.read());
    return log;
  }

  /** The file to give the server as its stderr. */
  get descriptor(): number {
    return this.#handle.fd;
  }

  /** The last lines, for the detail of a failed start. */
  async recent(): Promise<string[]> {
    await this.read();
    return this.#recent;
  }

  forget(): void {
    this.#recent.length = 0;
  }

  read(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#readOn()).catch(() => undefined);
    return this.#reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watcher?.close();
    await this.read();
    await this.#handle.close();
  }

  async #readOn(): Promise<void> {
    const { size } = await this.#handle.stat();
    if (size < this.#offset) this.#offset = 0;
    if (size === this.#offset) return;
    const buffer = Buffer.allocUnsafe(Math.min(size - this.#offset, readBytesMax));
    const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.#offset);
    this.#offset += bytesRead;
    const lines = (this.#rest + buffer.toString('utf8', 0, bytesRead)).split('\n');
    this.#rest = (lines.pop() ?? '').slice(-readBytesMax);
    for (const line of lines) this.#take(line);
    if (this.#offset > bytesMax) {
      await truncate(this.#file, 0);
      this.#offset = 0;
    } else if (this.#offset < size) await this.#readOn();
  }

  #take(line: string): void {
    this.#recent.push(line);
    if (this.#recent.length > recentMax) this.#recent.shift();
    const [, serverPid, state = '', severity = '', text = line] = linePattern.exec(line) ?? [];
    const failed = (severity === 'FATAL' || severity === 'PANIC') && !ordinaryStates.has(state);
    this.#logger[failed ? 'error' : 'debug']({ serverPid: Number(serverPid), state, text }, 'postgres said');
  }
}
