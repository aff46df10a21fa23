import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { layDataFolder } from '../../lib/sql/testing/template.ts';
import { kill, processesOf, type FoundProcess } from './processes.ts';

/** A data folder that outlives its installations; at the end nothing runs on it and it is gone. */
export class DataFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** With new databases, so that a start is quick. */
  static async make(): Promise<DataFolder> {
    const folder = await DataFolder.makeEmpty();
    await layDataFolder(folder.path);
    return folder;
  }

  /** For tests of the first start of all, which makes everything. */
  static async makeEmpty(): Promise<DataFolder> {
    const path = await mkdtemp(join(tmpdir(), 'gala-fault-'));
    // The database runs as another user when the tests run as root; it must be able to enter.
    await chmod(path, 0o755);
    return new DataFolder(path);
  }

  /** Whatever runs on it, orphans included. */
  processes(): FoundProcess[] {
    return processesOf(this.path);
  }

  /** Processes of the database: the server and its backends. */
  databaseProcesses(): FoundProcess[] {
    return this.processes().filter(isOfDatabase);
  }

  /** Processes of Gala itself: those of the database come and go with its connections. */
  ownProcesses(): FoundProcess[] {
    return this.processes().filter((each) => !isOfDatabase(each));
  }

  /** The server's own process. */
  async postmasterPid(): Promise<number> {
    const text = await readFile(join(this.path, 'postgres', 'postmaster.pid'), 'utf8');
    return Number(text.split('\n')[0]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    kill(this.processes().map(({ pid }) => pid));
    await rm(this.path, { recursive: true, force: true, maxRetries: 10 });
  }
}

const isOfDatabase = ({ command }: FoundProcess): boolean => /^\S*postgres\b/.test(command);
