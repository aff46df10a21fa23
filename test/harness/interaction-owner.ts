import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { TestProcessOptions } from '../../services/application/interaction/testing.ts';

const script = path.join(import.meta.dirname, '../../services/application/interaction/testing-owner.ts');

/** An owner of rooms in a process of its own; resolves when it serves. */
export async function startInteractionOwner(options: TestProcessOptions): Promise<ChildProcess> {
  const child = spawn(process.execPath, [script], {
    env: { ...process.env, INTERACTION_OWNER: JSON.stringify(options) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error('the owner ended before it served'))),
  ]);
  return child;
}

/** Ends a process the hard way. */
export async function killOwner(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
