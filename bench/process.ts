/** Child processes of a bench: pinned to a core, watched for the line that says they are up, stopped with their tree. */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

import { processTree } from './measure.ts';

/** Servers run on this core alone. */
export const serverCore: CoreList = '0';
/** Publisher and viewers share this one. */
export const loadCore: CoreList = '1';
/** Cores as `taskset` names them. */
export type CoreList = '0' | '1' | '0,1';

const stopMsMax = 15_000;

/** Children that have not ended yet: a bench that is interrupted takes them along. */
const livePids = new Set<number>();
process.on('exit', () => {
  for (const pid of livePids) signal(pid, 'SIGTERM');
});
const runFile = promisify(execFile);

/** How to start a child. `log` is the file that gets everything it prints. */
export interface ChildOptions {
  readonly core: CoreList;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly log?: string;
}

/** A started child whose lines can be awaited. */
export interface Child {
  readonly pid: number;
  /** All lines of stdout so far, joined; complete once `exited` has settled. */
  output(): string;
  /** Resolves with the first line (stdout or stderr, also one already printed) that matches. */
  line(pattern: RegExp, msMax: number): Promise<string>;
  /** Exit code, or -1 when a signal ended it. */
  readonly exited: Promise<number>;
  /** SIGTERM to the child, SIGKILL to whatever of its tree is left after 15 s. */
  stop(): Promise<void>;
}

/** Runs a command to its end and answers its stdout; throws with its stderr when it fails. */
export async function run(command: string, args: readonly string[]): Promise<string> {
  const { stdout } = await runFile(command, args, { maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

/** Starts `command` on one core (`taskset`; its descendants inherit the core). */
export function startChild(command: string, args: readonly string[], options: ChildOptions): Child {
  const child = spawn('taskset', ['-c', options.core, command, ...args], {
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start taskset for ${command}`);
  livePids.add(pid);
  const exited = once(child, 'close').then(([code]) => {
    livePids.delete(pid);
    return typeof code === 'number' ? code : -1;
  });
  const lines = collectLines(child, options.log);
  return {
    pid,
    exited,
    output: () => lines.stdout.join('\n'),
    line: (pattern, msMax) => awaitLine({ command, lines, exited, pattern, msMax }),
    stop: () => stopTree(pid, exited),
  };
}

interface Lines {
  readonly stdout: string[];
  readonly all: string[];
  readonly listeners: Set<(line: string) => void>;
}

function collectLines(child: ChildProcess, log: string | undefined): Lines {
  const lines: Lines = { stdout: [], all: [], listeners: new Set() };
  const file = log === undefined ? undefined : createWriteStream(log);
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      file?.write(`${line}\n`);
      keepLine(lines, line, stream === child.stdout);
    });
  }
  child.once('close', () => file?.end());
  return lines;
}

/** A server may log a line per viewer: only the last 2,000 are kept for error messages. */
function keepLine(lines: Lines, line: string, stdout: boolean): void {
  for (const kept of stdout ? [lines.stdout, lines.all] : [lines.all]) {
    kept.push(line);
    if (kept.length > 2_000) kept.shift();
  }
  for (const listener of lines.listeners) listener(line);
}

interface LineWait {
  readonly command: string;
  readonly lines: Lines;
  readonly exited: Promise<number>;
  readonly pattern: RegExp;
  readonly msMax: number;
}

async function awaitLine({ command, lines, exited, pattern, msMax }: LineWait): Promise<string> {
  const printed = lines.all.find((line) => pattern.test(line));
  if (printed !== undefined) return printed;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const listener = (line: string): void => {
    if (pattern.test(line)) resolve(line);
  };
  const lost = (why: string): void =>
    reject(new Error(`${command}: ${why} before ${String(pattern)}\n${lines.all.slice(-20).join('\n')}`));
  const timer = setTimeout(() => lost(`${msMax} ms passed`), msMax);
  lines.listeners.add(listener);
  void exited.then((code) => lost(`exit ${code}`));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    lines.listeners.delete(listener);
  }
}

async function stopTree(pid: number, exited: Promise<number>): Promise<void> {
  if (!livePids.has(pid)) return;
  const tree = processTree(pid);
  signal(pid, 'SIGTERM');
  const timer = setTimeout(() => {
    for (const member of tree) signal(member, 'SIGKILL');
  }, stopMsMax);
  await exited;
  clearTimeout(timer);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/**
 * A TCP port that was free a moment ago, below those that the kernel gives to connections: thousands of viewers take
 * and leave them while servers start.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_768);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** Resolves once something accepts connections on a port of 127.0.0.1. */
export async function untilListening(port: number, msMax: number): Promise<void> {
  const end = performance.now() + msMax;
  while (!(await accepts(port))) {
    if (performance.now() > end) throw new Error(`nothing listens on port ${port} after ${msMax} ms`);
    await delay(50);
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
