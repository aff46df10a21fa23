// `node cli/bootstrap.js :lock`, after every change of a dependency: lists in package-lock.json the packages of
// platforms that npm left out. It drops those that its registry lacks, and `npm ci` then refuses the whole lock.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './command.ts';

interface LockEntry {
  version?: string;
  cpu?: string[];
  dev?: boolean;
  libc?: string[];
  optional?: boolean;
  optionalDependencies?: Record<string, string>;
  os?: string[];
}
type Packages = Record<string, LockEntry>;

const OS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
/** The words for a processor in the names of packages, and Node's word for each. */
const CPU: Readonly<Record<string, string>> = {
  aarch64: 'arm64',
  arm: 'arm',
  arm64: 'arm64',
  armv7: 'arm',
  ia32: 'ia32',
  ppc64: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
  x64: 'x64',
};

/** The entries that `packages` lacks, by path. Their platform is read from their names, as npm would from theirs. */
export function missingPlatforms(packages: Readonly<Packages>): Packages {
  const missing: Packages = {};
  for (const { dev, optionalDependencies = {} } of Object.values(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const path = `node_modules/${name}`;
      if (path in packages || !/^\d+\.\d+\.\d+[\w.-]*$/.test(version)) continue;
      const platform = platformOf(name);
      if (platform) missing[path] = { version, ...platform.cpu, ...(dev && { dev }), ...platform.rest };
    }
  }
  return missing;
}

function platformOf(name: string): { cpu: LockEntry; rest: LockEntry } | undefined {
  const words = name.split(/[/-]/);
  const os = OS.find((known) => words.includes(known));
  const cpu = words.map((word) => CPU[word]).find(Boolean);
  if (!os || !cpu) return undefined;
  const libc = words.some((word) => word.startsWith('musl'))
    ? 'musl'
    : words.includes('gnu')
      ? 'glibc'
      : undefined;
  return { cpu: { cpu: [cpu] }, rest: { ...(libc && { libc: [libc] }), optional: true, os: [os] } };
}

if (import.meta.main) {
  const path = join(ROOT, 'package-lock.json');
  const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages: Packages };
  const missing = missingPlatforms(lock.packages);
  const entries = Object.entries({ ...lock.packages, ...missing }).toSorted(([a], [b]) =>
    a.localeCompare(b, 'en'),
  );
  writeFileSync(
    path,
    `${JSON.stringify({ ...lock, packages: Object.fromEntries(entries) }, undefined, 2)}\n`,
  );
  console.log(`added ${Object.keys(missing).length} packages of other platforms`);
}
