import { accessSync, constants, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { run } from './command.ts';

export type EngineName =
  | 'ffmpeg'
  | 'chromium'
  | 'nginx'
  | 'nchan'
  | 'rtmpdump'
  | 'redis-server'
  | 'redis-sentinel'
  | 'nutcracker'
  | 'memcached'
  | 'etcd'
  | 'java'
  | 'mvn'
  | 'cc';

/** A program that tests and benches run beside Gala. */
interface Engine {
  /** Names or paths under which systems have it; the first that can be executed is taken. */
  readonly commands: readonly string[];
  /** Files without which the program is of no use here. */
  readonly files?: readonly string[];
  /** Debian's packages of it. */
  readonly packages: readonly string[];
}

/** The engines, with an environment variable `ENGINE_<NAME>` that may name another path of each. */
export const ENGINES: Readonly<Record<EngineName, Engine>> = {
  ffmpeg: { commands: ['ffmpeg'], packages: ['ffmpeg'] },
  chromium: {
    commands: [
      'chromium',
      'google-chrome-stable',
      'google-chrome',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    ],
    packages: ['chromium', 'fonts-dejavu-core'],
  },
  nginx: {
    commands: ['nginx'],
    files: ['/usr/lib/nginx/modules/ngx_rtmp_module.so'],
    packages: ['nginx-light', 'libnginx-mod-rtmp'],
  },
  nchan: {
    commands: ['nginx'],
    files: ['/usr/lib/nginx/modules/ngx_nchan_module.so'],
    packages: ['nginx-light', 'libnginx-mod-nchan'],
  },
  rtmpdump: { commands: ['rtmpdump'], packages: ['rtmpdump'] },
  'redis-server': { commands: ['redis-server'], packages: ['redis-server'] },
  'redis-sentinel': { commands: ['redis-sentinel'], packages: ['redis-sentinel'] },
  nutcracker: { commands: ['nutcracker'], packages: ['nutcracker'] },
  memcached: { commands: ['memcached'], packages: ['memcached'] },
  etcd: { commands: ['etcd'], packages: ['etcd-server'] },
  java: { commands: ['java'], packages: ['default-jre-headless'] },
  mvn: { commands: ['mvn'], packages: ['maven'] },
  cc: {
    commands: ['cc'],
    files: ['/usr/include/stdio.h', '/usr/include/openssl/ssl.h', '/usr/include/zlib.h'],
    packages: ['gcc', 'libc6-dev', 'libssl-dev', 'zlib1g-dev'],
  },
};

/** Those of the tests; the compiler is for the load programs of benches. */
export const TEST_ENGINES: readonly EngineName[] = [
  'ffmpeg',
  'chromium',
  'nginx',
  'rtmpdump',
  'redis-server',
  'redis-sentinel',
  'nutcracker',
  'memcached',
  'etcd',
  'java',
  'mvn',
];
export const BENCH_ENGINES: readonly EngineName[] = [
  'ffmpeg',
  'nginx',
  'nchan',
  'redis-server',
  'memcached',
  'cc',
];

/** Folders of programs that a plain user's PATH may leave out. */
const EXTRA_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];
/** While this script answers 101, Debian starts no service that it installs. */
const POLICY_PATH = '/usr/sbin/policy-rc.d';
const APT_LISTS = '/var/lib/apt/lists';

/** Path of the engine's program, or undefined when this machine lacks it. */
export function findEngine(name: EngineName): string | undefined {
  const { commands, files = [] } = ENGINES[name];
  if (!files.every((file) => existsSync(file))) return undefined;
  const named = process.env[`ENGINE_${name.toUpperCase().replaceAll('-', '_')}`];
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...EXTRA_FOLDERS];
  return (named ? [named] : commands)
    .flatMap((command) => (isAbsolute(command) ? [command] : folders.map((folder) => join(folder, command))))
    .find(isExecutable);
}

/** The one line that installs `names` by hand. */
export function installLine(names: readonly EngineName[]): string {
  const packages = names.flatMap((name) => ENGINES[name].packages).join(' ');
  return process.platform === 'darwin'
    ? `brew install ${names.join(' ')}`
    : `sudo apt-get install -y --no-install-recommends ${packages}`;
}

/** Installs the missing engines where this process may (Debian or Ubuntu, as root); returns what is missing still. */
export async function ensureEngines(names: readonly EngineName[]): Promise<EngineName[]> {
  const missing = names.filter((name) => !findEngine(name));
  if (missing.length === 0 || !isDebian() || process.getuid?.() !== 0) return missing;
  console.log(`Installing what this runs against: ${installLine(missing)}`);
  await withoutServices(async () => {
    if (!hasPackageLists()) await apt('update');
    for (const name of missing) await installEngine(name);
  });
  return missing.filter((name) => !findEngine(name));
}

async function installEngine(name: EngineName): Promise<void> {
  const args = ['-y', '--no-install-recommends', ...ENGINES[name].packages];
  if ((await apt('install', ...args)) === 0) return;
  // The lists may be older than the packages on the mirror.
  await apt('update');
  if ((await apt('install', ...args)) !== 0) console.error(`apt-get could not install ${name}`);
}

function apt(...args: string[]): Promise<number> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = ['-qq', '-o', 'Dpkg::Use-Pty=0', '-o', 'DPkg::Lock::Timeout=300'];
  return run('apt-get', [...options, ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Keeps what is installed meanwhile from being started as a service: tests start their own, on free ports. */
async function withoutServices(install: () => Promise<void>): Promise<void> {
  const ours = !existsSync(POLICY_PATH);
  if (ours) writeFileSync(POLICY_PATH, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await install();
  } finally {
    if (ours) rmSync(POLICY_PATH);
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isDebian(): boolean {
  const path = '/etc/os-release';
  return existsSync(path) && /^ID(_LIKE)?=.*debian/m.test(readFileSync(path, 'utf8'));
}

function hasPackageLists(): boolean {
  return existsSync(APT_LISTS) && readdirSync(APT_LISTS).some((name) => name.includes('_Packages'));
}
