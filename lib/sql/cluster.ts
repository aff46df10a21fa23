import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { setPriority } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { CodedError } from '../error/index.ts';
import type { Logger } from '../logger/index.ts';
import { programPath } from './binaries.ts';
import { sqlErrors } from './errors.ts';
import { makePrivateFolder, readText, shortHash, writePrivateFile } from './location.ts';
import {
  isAlive,
  readPostmaster,
  servesCluster,
  serverEnvironment,
  stopPostmaster,
  waitUntil,
  type Cluster,
} from './postmaster.ts';
import type { ServerLog } from './server-log.ts';
import { openUserName } from './user-name.ts';

const run = promisify(execFile);

/** Crash recovery replays at most `max_wal_size`, plus what the retained slots hold. */
const readyWithinMs = 60_000;
const attemptsMax = 12;

export interface Launch {
  readonly cluster: Cluster;
  readonly password: string;
  readonly settings: string;
  readonly log: ServerLog;
  readonly logger: Logger;
  /** The port of the last run, taken again when it is free. */
  readonly port: number | undefined;
}

export interface Server {
  readonly pid: number;
  readonly port: number;
  readonly adopted: boolean;
  readonly child?: ChildProcess;
}

/** Runs `initdb` once, beside the final folder, so that a folder that is there is a whole cluster. */
export async function initialiseCluster(
  cluster: Cluster,
  options: { password: string; volatile: boolean },
): Promise<void> {
  const version = await readText(path.join(cluster.folder, 'PG_VERSION'));
  if (version !== undefined) return assertMajor(Number(version), cluster.binaries.major);
  await using userName = await openUserName(cluster.folder);
  const fresh = `${cluster.folder}.new`;
  await rm(fresh, { recursive: true, force: true });
  await makePrivateFolder(fresh, cluster.account);
  await initdb({ ...cluster, folder: fresh }, { ...options, environment: userName.environment });
  await rename(fresh, cluster.folder);
}

/** Takes over a server that outlived its parent; stops one that has other settings or does not answer. */
export async function adoptRunning(launch: Launch): Promise<Server | undefined> {
  const { cluster, logger } = launch;
  const found = await readPostmaster(cluster.folder);
  if (!found || !isAlive(found.pid)) return undefined;
  if (!(await servesCluster(found.pid, cluster.folder))) {
    // A re-used pid: PostgreSQL itself would refuse to start for as long as that process lives.
    await rm(path.join(cluster.folder, 'postmaster.pid'), { force: true });
    return undefined;
  }
  const { pid, port } = found;
  if ((await isSame(launch)) && (await becameReady(launch, pid)) && (await answers(launch, port))) {
    return { pid, port, adopted: true };
  }
  logger.warn({ serverPid: pid }, 'stopping a database server that cannot be adopted');
  await stopPostmaster(cluster, pid);
  return undefined;
}

/** Starts the server; a taken port is replaced, a lock of dying processes waited for. Errors: POSTGRES_START_FAILED. */
export async function launchServer(launch: Launch): Promise<Server> {
  const { cluster, log } = launch;
  await writeSettings(launch);
  const ports = [launch.port, 20_000 + (Number.parseInt(shortHash(cluster.folder), 16) % 10_000)];
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    const port = await freePort(ports);
    log.forget();
    const child = spawnServer(launch, port);
    const { pid } = child;
    if (pid !== undefined && (await becameReady(launch, pid))) return { pid, port, adopted: false, child };
    if (pid !== undefined && isAlive(pid)) await stopPostmaster(cluster, pid);
    const said = (await log.recent()).join('\n');
    if (/could not bind|Address already in use/.test(said)) ports.length = 0;
    else if (!/lock file|shared memory block|shared memory segment/.test(said)) break;
    await delay(Math.min(50 * 2 ** attempt, 1000));
  }
  const detail = (await log.recent()).slice(-3).join('; ') || 'it could not be run';
  throw new CodedError(sqlErrors, 'POSTGRES_START_FAILED', { detail });
}

function assertMajor(found: number, known: number): void {
  if (found === known) return;
  const code = found > known ? 'DATA_NEWER' : 'DATA_OLDER';
  throw new CodedError(sqlErrors, code, { detail: `written by PostgreSQL ${found}, this Gala has ${known}` });
}

/** The encoding must be named: without it initdb refuses the C locale's SQL_ASCII for a UTF-8 locale. */
async function initdb(
  cluster: Cluster,
  options: { password: string; volatile: boolean; environment: NodeJS.ProcessEnv },
): Promise<void> {
  const { uid, gid } = cluster.account ?? {};
  const passwordFile = `${cluster.folder}.password`;
  const args = [
    '-D',
    cluster.folder,
    '--username=gala',
    '--encoding=UTF8',
    '--locale=C',
    '--auth=scram-sha-256',
  ];
  args.push('--locale-provider=builtin', '--builtin-locale=C.UTF-8', `--pwfile=${passwordFile}`);
  if (options.volatile) args.push('--no-sync');
  try {
    await writePrivateFile(passwordFile, options.password, cluster.account);
    const env = { ...serverEnvironment(), ...options.environment };
    await run(programPath(cluster.binaries, 'initdb'), args, { uid, gid, env, cwd: cluster.folder });
  } catch (cause) {
    const detail = (cause as { stderr?: string }).stderr?.trim().split('\n').slice(-3).join('; ');
    throw new CodedError(sqlErrors, 'POSTGRES_START_FAILED', { detail: detail ?? 'initdb failed', cause });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

const settingsFile = (cluster: Cluster): string => path.join(cluster.folder, 'gala.conf');

/** Written only when a server is started, so that the file tells the settings of one that runs. */
async function writeSettings({ cluster, settings }: Launch): Promise<void> {
  await writePrivateFile(settingsFile(cluster), stampSettings(cluster, settings), cluster.account);
}

async function isSame({ cluster, settings }: Launch): Promise<boolean> {
  return (await readText(settingsFile(cluster))) === stampSettings(cluster, settings).trim();
}

function stampSettings(cluster: Cluster, settings: string): string {
  return `# ${cluster.binaries.packageVersion}\n${settings}`;
}

/** Media and signals go first on a machine that they share with the database; backends inherit it. */
const niceness = 5;

/** Its own session: Ctrl-C in a terminal reaches the supervisor alone, which drains the roles first. */
function spawnServer({ cluster, log }: Launch, port: number): ChildProcess {
  const { uid, gid } = cluster.account ?? {};
  const args = ['-D', cluster.folder, '-c', `config_file=${settingsFile(cluster)}`, '-p', String(port)];
  const child = spawn(programPath(cluster.binaries, 'postgres'), args, {
    uid,
    gid,
    env: serverEnvironment(),
    cwd: cluster.folder,
    detached: true,
    stdio: ['ignore', log.descriptor, log.descriptor],
  });
  child.on('error', () => undefined);
  if (child.pid) yieldCores(child.pid);
  child.unref();
  return child;
}

function yieldCores(pid: number): void {
  setPriority(pid, niceness);
  // Where Linux groups processes by session (sched(7), autogroup) niceness counts within the group only.
  void writeFile(`/proc/${pid}/autogroup`, String(niceness)).catch(() => undefined);
}

async function becameReady({ cluster }: Launch, pid: number): Promise<boolean> {
  let ready = false;
  await waitUntil(async () => {
    const found = await readPostmaster(cluster.folder);
    ready = found?.pid === pid && found.ready;
    return ready || !isAlive(pid);
  }, readyWithinMs);
  return ready;
}

async function answers({ cluster, password }: Launch, port: number): Promise<boolean> {
  const target = { host: '127.0.0.1', port, user: 'gala', password, database: 'postgres' };
  const client = new Client({ ...target, connectionTimeoutMillis: 3000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ folder: string }>(
      `select current_setting('data_directory') as folder`,
    );
    return rows[0]?.folder === cluster.folder;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/**
 * The port of the last run if it becomes free soon (the pools of running processes know it), else the
 * first of `candidates` that nobody listens on, else any free one.
 */
async function freePort(candidates: readonly (number | undefined)[]): Promise<number> {
  const [last] = candidates;
  if (last !== undefined && (await waitUntil(async () => (await tryPort(last)) === last, 1000))) return last;
  for (const candidate of [...candidates, 0]) {
    if (candidate === undefined) continue;
    const port = await tryPort(candidate);
    if (port !== undefined) return port;
  }
  throw new CodedError(sqlErrors, 'POSTGRES_START_FAILED', { detail: 'no port of 127.0.0.1 is free' });
}

function tryPort(port: number): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const server = createServer();
  server.once('error', () => resolve(undefined));
  server.listen(port, '127.0.0.1', () => {
    const { port: taken } = server.address() as AddressInfo;
    server.close(() => resolve(taken));
  });
  return promise;
}
