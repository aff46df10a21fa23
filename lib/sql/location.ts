import { createHash, randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '../error/index.ts';
import type { Logger } from '../logger/index.ts';
import { canReach, makeOpenFolder, type Account } from './account.ts';
import { sqlErrors } from './errors.ts';

/** Raised when an older Gala could no longer read the data folder. */
export const dataFormat = 1;

const systemFolder = '/var/lib/gala';

/** `<data>/run/postgres.json`: where the server of a data folder is, for other processes and the tools. */
export interface ServerRecord {
  /** Null after a clean stop. */
  readonly pid: number | null;
  /** Process that started or adopted the server. */
  readonly owner: number;
  readonly port: number;
  readonly user: string;
  readonly version: string;
  /** The cluster's folder, which is not always inside the data folder. */
  readonly location: string;
}

/** Writes `<data>/format` once, and refuses a folder that a newer Gala has written. Errors: DATA_NEWER. */
export async function stampDataFolder(dataFolder: string): Promise<void> {
  await makeOpenFolder(dataFolder);
  const file = path.join(dataFolder, 'format');
  const stamp = await readText(file);
  if (stamp === undefined) await replaceFile(file, `${dataFormat}\n`);
  else if (Number(stamp) > dataFormat) {
    const detail = `${dataFolder} has format ${stamp}, this Gala knows ${dataFormat}`;
    throw new CodedError(sqlErrors, 'DATA_NEWER', { detail });
  }
}

/** The folder of the cluster that a data folder has already, wherever it was put. */
export async function findCluster(dataFolder: string): Promise<string | undefined> {
  const kept = await readText(locationFile(dataFolder));
  if (kept) return kept;
  const inside = await insideFolder(dataFolder);
  return (await isFolder(inside)) ? inside : undefined;
}

/**
 * The folder for a new cluster: inside the data folder, or under /var/lib/gala when the server's account
 * cannot enter that (a data folder in the home of root); `<data>/postgres.location` then tells where.
 */
export async function placeCluster(
  dataFolder: string,
  account: Account | undefined,
  logger: Logger,
): Promise<string> {
  const inside = await insideFolder(dataFolder);
  if (await canReach(account, dataFolder)) return inside;
  const location = path.join(systemFolder, shortHash(inside), 'postgres');
  await makeOpenFolder(path.dirname(location));
  await replaceFile(locationFile(dataFolder), `${location}\n`);
  logger.warn({ location, account: account?.name }, 'the database is kept outside the data folder');
  return location;
}

/** Makes an empty folder that only the server's account may enter. */
export async function makePrivateFolder(folder: string, account: Account | undefined): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o700);
  if (account) await chown(folder, account.uid, account.gid);
}

/** Writes a file that only the server's account may read. */
export async function writePrivateFile(
  file: string,
  text: string,
  account: Account | undefined,
): Promise<void> {
  await rm(file, { force: true });
  await writeFile(file, text, { mode: 0o600, flag: 'wx' });
  if (account) await chown(file, account.uid, account.gid);
}

/** The superuser's password, made on first use and kept in `<data>/secrets/postgres.password` (0600). */
export async function keepPassword(dataFolder: string): Promise<string> {
  const kept = await readPassword(dataFolder);
  if (kept) return kept;
  const password = randomBytes(24).toString('base64url');
  await mkdir(path.join(dataFolder, 'secrets'), { recursive: true, mode: 0o700 });
  await replaceFile(passwordFile(dataFolder), `${password}\n`);
  return password;
}

export function readPassword(dataFolder: string): Promise<string | undefined> {
  return readText(passwordFile(dataFolder));
}

export async function readServerRecord(dataFolder: string): Promise<ServerRecord | undefined> {
  const text = await readText(recordFile(dataFolder));
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as ServerRecord;
  } catch {
    return undefined;
  }
}

export async function writeServerRecord(dataFolder: string, record: ServerRecord): Promise<void> {
  await mkdir(path.join(dataFolder, 'run'), { recursive: true, mode: 0o700 });
  await replaceFile(recordFile(dataFolder), `${JSON.stringify(record)}\n`);
}

/** A hash that keeps two data folders apart in one system folder and in one range of ports. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** Readers see the old text or the new one, never a part. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const next = `${file}.next`;
  await writeFile(next, text, { mode: 0o600, flush: true });
  await rename(next, file);
}

export async function readText(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
  return text?.trim();
}

async function insideFolder(dataFolder: string): Promise<string> {
  return path.join(await realpath(dataFolder), 'postgres');
}

async function isFolder(folder: string): Promise<boolean> {
  return stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

const locationFile = (dataFolder: string): string => path.join(dataFolder, 'postgres.location');
const passwordFile = (dataFolder: string): string => path.join(dataFolder, 'secrets', 'postgres.password');
const recordFile = (dataFolder: string): string => path.join(dataFolder, 'run', 'postgres.json');
