import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Account } from './account.ts';
import { programPath, type Binaries } from './binaries.ts';

const run = promisify(execFile);

/** What PostgreSQL writes of itself (`postmaster.pid`, src/include/miscadmin.h LOCK_FILE_LINE_*). */
export interface PostmasterFile {
  readonly pid: number;
  readonly port: number;
  readonly ready: boolean;
}

/** A cluster on disk with the programs and the account that serve it. */
export interface Cluster {
  readonly folder: string;
  readonly binaries: Binaries;
  readonly account: Account | undefined;
}

export async function readPostmaster(folder: string): Promise<PostmasterFile | undefined> {
  const text = await readFile(path.join(folder, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  return { pid, port: Number(lines[3] ?? 0), ready: lines[7]?.trim() === 'ready' };
}

/** A zombie counts as gone: in a container nobody may ever reap an adopted server. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  if (process.platform !== 'linux') return true;
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return status.slice(status.lastIndexOf(')') + 2, status.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}

/** True when the process is a PostgreSQL server on `folder`, and not some program with a re-used pid. */
export async function servesCluster(pid: number, folder: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const command = await commandOf(pid);
  return command === undefined || (command.includes('postgres') && command.includes(folder));
}

/** The command line of a process, or undefined where it cannot be asked for. */
async function commandOf(pid: number): Promise<string | undefined> {
  if (process.platform === 'win32') return undefined;
  if (process.platform === 'linux') return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return run('ps', ['-o', 'command=', '-p', String(pid)]).then(
    ({ stdout }) => stdout,
    () => '',
  );
}

/** How the caller of a start or stop that takes too long is told. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  withinMs: number,
): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) return false;
    await delay(10);
  }
  return true;
}

/** Fast shutdown (sessions are ended, a checkpoint is written); a server that hangs is ended the hard way. */
export async function stopPostmaster(cluster: Cluster, pid: number, withinMs = 20_000): Promise<void> {
  const gone = (): boolean => !isAlive(pid);
  await signal(cluster, pid, 'fast');
  if (await waitUntil(gone, withinMs)) return;
  await signal(cluster, pid, 'immediate');
  if (await waitUntil(gone, 2000)) return;
  process.kill(pid, 'SIGKILL');
  await waitUntil(gone, 2000);
}

async function signal(cluster: Cluster, pid: number, mode: 'fast' | 'immediate'): Promise<void> {
  const { uid, gid } = cluster.account ?? {};
  const args = ['stop', '-D', cluster.folder, '-m', mode, '-W'];
  try {
    await run(programPath(cluster.binaries, 'pg_ctl'), args, {
      uid,
      gid,
      env: serverEnvironment(),
      cwd: '/',
    });
  } catch {
    // The pid file may be gone while the process is not; the signals are those of pg_ctl.
    if (isAlive(pid)) process.kill(pid, mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
  }
}

/** Nothing of our own environment (DATABASE_URL, tokens) reaches the server, which runs extensions' code. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC', SystemRoot: process.env['SystemRoot'] };
}
