import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Begins the names of the folders of test runs, by which abandoned ones are found. */
export const folderPrefix = 'gala-test-run-';

/** Names, to the workers of a test run, the folder of its template. */
const variable = 'TEST_POSTGRES_TEMPLATE';
/** What a copy takes over; the record of the server and its log belong to the template's own run. */
const parts = ['format', 'secrets', 'postgres'];
const madeWithinMs = 60_000;

/**
 * Gives a test run one place for its template; `layDataFolder` of every worker then copies instead of running initdb.
 * For the main process of the run, before its workers.
 */
export async function openTemplate(): Promise<AsyncDisposable> {
  const folder = await makeTestFolder();
  process.env[variable] = folder;
  return {
    [Symbol.asyncDispose]: async () => {
      delete process.env[variable];
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Fills an empty data folder with what a first start leaves before its migrations: a cluster with the databases of an
 * installation, all empty. About 0.1 s, where initdb and four databases take seconds of CPU time. Outside a test run
 * that has a template the folder stays empty, and the start makes everything itself.
 */
export async function layDataFolder(dataFolder: string): Promise<void> {
  const folder = process.env[variable];
  if (!folder) return;
  const template = path.join(folder, 'data');
  await makeOnce(folder, template);
  // By `cp`, which keeps the owner: the server may be another user than the tests are.
  const found = parts.map((part) => path.join(template, part)).filter((part) => existsSync(part));
  await run('cp', ['-a', ...found, dataFolder]);
}

/** A temporary folder that another user may enter and that tells whose it is. */
export async function makeTestFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), folderPrefix));
  await chmod(folder, 0o755);
  await writeFile(path.join(folder, 'owner'), String(process.pid));
  return folder;
}

/** The first worker that comes makes the template, the others wait for it. One that failed is tried by the next. */
async function makeOnce(folder: string, template: string): Promise<void> {
  const lock = path.join(folder, 'lock');
  const endsAtMs = performance.now() + madeWithinMs;
  while (!existsSync(template)) {
    if (await take(lock)) {
      try {
        if (!existsSync(template)) await make(template);
      } finally {
        await rmdir(lock);
      }
      return;
    }
    if (performance.now() > endsAtMs) throw new Error(`no template after ${madeWithinMs} ms: ${template}`);
    await delay(20);
  }
}

async function take(lock: string): Promise<boolean> {
  return mkdir(lock).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );
}

/** Beside its place, so that a template that is there is whole. */
async function make(template: string): Promise<void> {
  const { startEmbedded } = await import('../embedded.ts');
  const { databaseNames, ensureDatabases } = await import('../databases.ts');
  const { createLogger } = await import('../../logger/index.ts');
  const dataFolder = await makeTestFolder();
  const logger = createLogger({ name: 'template', level: 'error' });
  const server = await startEmbedded({ dataFolder, logger, volatile: true });
  try {
    await ensureDatabases(server.url('postgres'), databaseNames());
  } finally {
    await server.stop();
  }
  await rename(dataFolder, template);
}
