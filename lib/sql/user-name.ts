import { access, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { CodedError } from '../error/index.ts';
import { sqlErrors } from './errors.ts';

/** Where distributions put nss_wrapper (package libnss-wrapper or nss_wrapper). */
export const wrapperFolders = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
];

/** What a program needs in its environment to find a name for its user; disposing removes the files behind it. */
export interface UserName extends AsyncDisposable {
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * `initdb` asks the system for the name of its user and refuses to go on without one. A uid without a passwd
 * entry, as containers like to run, gets a name from libnss-wrapper where that is installed, by files that begin
 * with `prefix`. The server itself never asks. Errors: POSTGRES_ACCOUNT_MISSING.
 */
export async function openUserName(prefix: string, folders = wrapperFolders): Promise<UserName> {
  if (hasName()) return { environment: {}, [Symbol.asyncDispose]: async () => undefined };
  const library = await findLibrary(folders);
  if (library === undefined) {
    const detail = `uid ${process.getuid?.()} has no passwd entry, and libnss-wrapper is not installed`;
    throw new CodedError(sqlErrors, 'POSTGRES_ACCOUNT_MISSING', { detail });
  }
  const [passwd, group] = [`${prefix}.passwd`, `${prefix}.group`];
  const [uid, gid] = [process.getuid?.(), process.getgid?.()];
  await writeFile(passwd, `gala:x:${uid}:${gid}::/:/bin/false\n`, { mode: 0o600 });
  await writeFile(group, `gala:x:${gid}:\n`, { mode: 0o600 });
  return {
    environment: { LD_PRELOAD: library, NSS_WRAPPER_PASSWD: passwd, NSS_WRAPPER_GROUP: group },
    async [Symbol.asyncDispose]() {
      await Promise.all([passwd, group].map((file) => rm(file, { force: true })));
    },
  };
}

function hasName(): boolean {
  if (process.platform === 'win32') return true;
  try {
    os.userInfo();
    return true;
  } catch {
    return false;
  }
}

async function findLibrary(folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const file = path.join(folder, 'libnss_wrapper.so');
    const found = await access(file).then(
      () => true,
      () => false,
    );
    if (found) return file;
  }
  return undefined;
}
