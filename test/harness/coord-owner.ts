import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Killable } from '../../lib/coord/contract.ts';

const script = path.join(import.meta.dirname, '../../lib/coord/contract-owner.ts');

/** A process that joins and holds a lease (lib/coord/contract-owner.ts); resolves when it does. */
export async function startOwner(owner: object): Promise<Killable> {
  const child = spawn(process.execPath, [script], {
    env: { ...process.env, COORD_OWNER: JSON.stringify(owner) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error('the owner ended before it held'))),
  ]);
  return {
    kill: () => void child.kill('SIGKILL'),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  };
}
