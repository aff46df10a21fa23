import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CodedError } from '@gala/lib/error';
import { readSupervisorRecord, removeSupervisorRecord } from './data-folder.ts';
import { cliErrors } from './errors.ts';

/** SQLITE_BUSY (sqlite.org/rescode.html). */
const busy = 5;

/**
 * Takes a data folder for this process until the claim is disposed of or the process ends, however it ends. Node
 * has no file locks of its own, but SQLite's are the kernel's: a kill leaves nothing to clean up, and a process
 * that happens to have the pid of a dead supervisor is not taken for it.
 * @throws CodedError ALREADY_RUNNING, DATA_FOLDER_UNUSABLE
 */
export async function claimDataFolder(dataFolder: string): Promise<Disposable> {
  const lock = await openLock(dataFolder);
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (cause) {
    lock.close();
    if ((cause as { errcode?: number }).errcode !== busy) throw unusable(dataFolder, cause);
    throw new CodedError(cliErrors, 'ALREADY_RUNNING', { detail: await describeOwner(dataFolder), cause });
  }
  // What a killed supervisor said of itself must not be read as ours.
  await removeSupervisorRecord(dataFolder);
  return { [Symbol.dispose]: () => lock.close() };
}

async function openLock(dataFolder: string): Promise<DatabaseSync> {
  const folder = join(dataFolder, 'run');
  try {
    // Open to enter: started by root, the database in it runs as another user. What is secret in it is closed by itself.
    await mkdir(dataFolder, { recursive: true, mode: 0o755 });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new DatabaseSync(join(folder, 'supervisor.lock'));
  } catch (cause) {
    throw unusable(dataFolder, cause);
  }
}

async function describeOwner(dataFolder: string): Promise<string> {
  const record = await readSupervisorRecord(dataFolder);
  return record ? `process ${record.pid}, ${record.webUrl}` : `${dataFolder}, it is starting or stopping`;
}

function unusable(dataFolder: string, cause: unknown): CodedError {
  const detail = `${dataFolder}; choose another with GALA_DATA (${(cause as Error).message})`;
  return new CodedError(cliErrors, 'DATA_FOLDER_UNUSABLE', { detail, cause });
}
