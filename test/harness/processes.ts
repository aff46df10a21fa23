import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { waitFor } from './wait.ts';

/** A process of this machine as a fault test sees it. */
export interface FoundProcess {
  readonly pid: number;
  readonly command: string;
}

/**
 * Every process that belongs to a data folder: started with it in its arguments or environment, or working in it.
 * Reads /proc, so it sees orphans too; zombies, which are only an entry in a table, are left out.
 */
export function processesOf(...folders: readonly string[]): FoundProcess[] {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return pids
    .filter((pid) => pid !== process.pid && isAlive(pid) && folders.some((folder) => belongs(pid, folder)))
    .map((pid) => ({ pid, command: commandOf(pid) }));
}

/** Stops processes; resolves when the last of their threads stands still, which on a busy machine takes its time. */
export async function suspend(pids: readonly number[]): Promise<void> {
  kill(pids, 'SIGSTOP');
  await waitFor(() => pids.every(isSuspended), { what: 'processes that stand still', everyMs: 2 });
}

function isSuspended(pid: number): boolean {
  return threadsOf(pid).every((thread) => 'TZX'.includes(stateOf(`${pid}/task/${thread}`)));
}

/** None of a process that is gone. */
function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** One letter of proc(5), empty for what is gone. */
function stateOf(path: string): string {
  const stat = read(`/proc/${path}/stat`);
  return stat === '' ? '' : stat[stat.lastIndexOf(')') + 2];
}

/** False for zombies. */
export function isAlive(pid: number): boolean {
  const state = stateOf(String(pid));
  return state !== '' && state !== 'Z';
}

export function kill(pids: readonly number[], signal: NodeJS.Signals = 'SIGKILL'): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
}

function belongs(pid: number, folder: string): boolean {
  if (commandOf(pid).includes(folder) || workingFolderOf(pid).startsWith(folder)) return true;
  return read(`/proc/${pid}/environ`).split('\0').includes(`GALA_DATA=${folder}`);
}

function workingFolderOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

/** A process may end, or be another user's, between two looks: both read as nothing. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** The process group of a process; a terminal's Ctrl-C goes to all processes of one. */
export function groupOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
}
