/** Where benches keep what they build once: compiled load programs, the source file, a certificate. */
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** `.cache/bench` in the repository; git ignores it and it may be deleted at any time. */
export const cacheFolder = join(import.meta.dirname, '..', '.cache', 'bench');

/** A short name for content, so that a changed recipe never meets an old result. */
export function contentKey(...parts: (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 12);
}

/**
 * The path of a cached file or folder, made by `make` when it is missing. It is made under another name and
 * renamed, so that an interrupted run leaves nothing half-done behind.
 */
export async function cached(name: string, make: (path: string) => Promise<void>): Promise<string> {
  const path = join(cacheFolder, name);
  if (await exists(path)) return path;
  await mkdir(cacheFolder, { recursive: true });
  const unfinished = join(cacheFolder, `unfinished-${process.pid}-${name}`);
  try {
    await make(unfinished);
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return path;
}

/** A new folder for one run of a server: its configuration, data and logs. */
export async function temporaryFolder(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `gala-bench-${name}-`));
  // The embedded PostgreSQL runs as another user than root and has to reach its data.
  await chmod(folder, 0o755);
  return folder;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
