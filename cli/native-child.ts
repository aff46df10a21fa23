import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import type { NativeChild, NativeChildName } from '@gala/lib/lifecycle';
import { entryPath } from './paths.ts';

/** Media that is copied goes before media that is made. */
const nice = 10;

/** Starts a process for native code. It inherits no setting that may hold a password, only where it belongs to. */
export function spawnNativeChild(name: NativeChildName): NativeChild {
  const inherited = Object.entries(process.env).filter(
    ([key]) => !key.startsWith('GALA_') || key === 'GALA_DATA',
  );
  const child = spawn(process.execPath, [entryPath(name)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: Object.fromEntries(inherited),
  });
  lowerPriority(child.pid);
  return child;
}

function lowerPriority(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, nice);
  } catch {
    // It has ended already, which its owner is told.
  }
}
