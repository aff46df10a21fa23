import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Root needs no namespace of users to mount something for itself. */
const namespace = process.getuid?.() === 0 ? '-m' : '-Urm';

/** True where a disk of our own can be mounted, and where it must be (`CI=true`). */
export const canMountDisk =
  spawnSync('unshare', [namespace, 'true']).status === 0 || process.env['CI'] === 'true';

export interface SmallDisk extends AsyncDisposable {
  /** Seen by every process of this user. */
  readonly path: string;
}

/** A file system in memory, as a disk that is about to be full: it lives as long as the process that mounted it. */
export async function mountSmallDisk(mebibytes: number): Promise<SmallDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'gala-disk-'));
  const script = `mount -t tmpfs -o size=${mebibytes}m tmpfs "$0" && echo mounted && exec sleep 600`;
  const keeper = spawn('unshare', [namespace, 'sh', '-c', script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(keeper.stdout, 'data');
  const unmount = async (): Promise<void> => {
    keeper.kill();
    await once(keeper, 'exit');
    await rm(folder, { recursive: true, force: true });
  };
  return { path: `/proc/${keeper.pid}/root${folder}`, [Symbol.asyncDispose]: unmount };
}
