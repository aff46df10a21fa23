import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CodedError } from '@gala/lib/error';
import type { Secrets } from '@gala/lib/lifecycle';
import { cliErrors } from './errors.ts';

/** The data folder of an installation: `GALA_DATA`, else `data` in the present folder. */
export function dataFolderPath(env: NodeJS.ProcessEnv = process.env): string {
  return resolve(env.GALA_DATA ?? 'data');
}

export const adminTokenPath = (dataFolder: string) => join(dataFolder, 'admin.token');
const clusterTokenPath = (dataFolder: string) => join(dataFolder, 'secrets', 'cluster.token');
const recordPath = (dataFolder: string) => join(dataFolder, 'run', 'supervisor.json');

/** What a running supervisor says of itself, for the tools. */
export interface SupervisorRecord {
  readonly pid: number;
  /** Metrics, status, and REST for the tools of this machine: on loopback and without TLS. */
  readonly adminUrl: string;
  readonly webUrl: string;
  readonly rtmpUrl: string;
}

/** Reads the secrets of the installation; those that are missing are made, readable by the owner only. */
export async function openSecrets(dataFolder: string): Promise<Secrets & { adminTokenIsNew: boolean }> {
  await mkdir(join(dataFolder, 'secrets'), { recursive: true, mode: 0o700 });
  await mkdir(join(dataFolder, 'run'), { recursive: true, mode: 0o700 });
  const operator = await readOrMake(adminTokenPath(dataFolder));
  const cluster = await readOrMake(clusterTokenPath(dataFolder));
  return { operatorToken: operator.value, clusterToken: cluster.value, adminTokenIsNew: operator.isNew };
}

/** Secrets of a running installation, for tools and roles that must not make new ones. */
export async function readSecrets(dataFolder: string): Promise<Secrets> {
  try {
    const [operatorToken, clusterToken] = await Promise.all(
      [adminTokenPath(dataFolder), clusterTokenPath(dataFolder)].map(async (path) =>
        (await readFile(path, 'utf8')).trim(),
      ),
    );
    return { operatorToken, clusterToken };
  } catch (cause) {
    throw new CodedError(cliErrors, 'NOT_RUNNING', { detail: `no secrets in ${dataFolder}`, cause });
  }
}

export async function writeSupervisorRecord(dataFolder: string, record: SupervisorRecord): Promise<void> {
  await writePrivate(recordPath(dataFolder), `${JSON.stringify(record)}\n`);
}

export async function removeSupervisorRecord(dataFolder: string): Promise<void> {
  await rm(recordPath(dataFolder), { force: true });
}

export async function readSupervisorRecord(dataFolder: string): Promise<SupervisorRecord | undefined> {
  try {
    return JSON.parse(await readFile(recordPath(dataFolder), 'utf8')) as SupervisorRecord;
  } catch {
    return undefined;
  }
}

/** Writes a file that only its owner can read, all of it or nothing. */
export async function writePrivate(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, path);
}

async function readOrMake(path: string): Promise<{ value: string; isNew: boolean }> {
  const existing = await readFile(path, 'utf8').catch(() => undefined);
  if (existing?.trim()) return { value: existing.trim(), isNew: false };
  const value = randomBytes(32).toString('base64url');
  await writePrivate(path, `${value}\n`);
  return { value, isNew: true };
}
