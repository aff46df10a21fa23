import { constants } from 'node:fs';
import { access, chmod, mkdir, readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '../error/index.ts';
import { sqlErrors } from './errors.ts';

/** The user that the server process runs as. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The account for the server processes: undefined means "as we are". PostgreSQL refuses uid 0, so root
 * takes the owner of an existing cluster, else `postgres` or `nobody`.
 * Errors: POSTGRES_ACCOUNT_MISSING.
 */
export async function serverAccount(clusterFolder: string | undefined): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = clusterFolder === undefined ? undefined : await stat(clusterFolder).catch(() => undefined);
  if (owner?.uid) return { name: `uid ${owner.uid}`, uid: owner.uid, gid: owner.gid };
  const accounts = parsePasswd(await readFile('/etc/passwd', 'utf8'));
  const account = ['postgres', 'nobody'].map((name) => accounts.get(name)).find((found) => found?.uid);
  if (!account)
    throw new CodedError(sqlErrors, 'POSTGRES_ACCOUNT_MISSING', { detail: 'no postgres or nobody' });
  return account;
}

/** True when `account` may enter every folder on the way to `target` and read `target`. */
export async function canReach(account: Account | undefined, target: string): Promise<boolean> {
  if (!account) return isReadable(target);
  let folder: string;
  try {
    folder = await realpath(target);
  } catch {
    return false;
  }
  if (!(await allows(account, folder, 4))) return false;
  while (folder !== path.dirname(folder)) {
    folder = path.dirname(folder);
    if (!(await allows(account, folder, 1))) return false;
  }
  return true;
}

/** Makes `folder` and its parents so that everybody may enter what was made, whatever the umask. */
export async function makeOpenFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (!first) return;
  for (let made = folder; made.length >= first.length; made = path.dirname(made)) await chmod(made, 0o755);
}

async function isReadable(target: string): Promise<boolean> {
  try {
    await access(target, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** `bit` is 4 for reading, 1 for entering; access lists are left out, which errs on the safe side. */
async function allows(account: Account, target: string, bit: 1 | 4): Promise<boolean> {
  const { mode, uid, gid } = await stat(target);
  if (uid === account.uid) return (mode & (bit << 6)) !== 0;
  if (gid === account.gid) return (mode & (bit << 3)) !== 0;
  return (mode & bit) !== 0;
}

function parsePasswd(text: string): Map<string, Account> {
  const accounts = new Map<string, Account>();
  for (const line of text.split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (name && uid && gid) accounts.set(name, { name, uid: Number(uid), gid: Number(gid) });
  }
  return accounts;
}
