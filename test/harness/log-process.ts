import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { ContractProcess } from '../../lib/eventlog/contract-process.ts';
import type { LogProcess } from '../../lib/eventlog/contract.ts';

const script = path.join(import.meta.dirname, '../../lib/eventlog/contract-process.ts');

/** Starts a process that writes or reads until it is killed. */
export function startLogProcess(options: ContractProcess): LogProcess {
  const child = spawn(process.execPath, [script], {
    env: { ...process.env, EVENTLOG_PROCESS: JSON.stringify(options) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  return {
    lines: () =>
      printed
        .slice(0, printed.lastIndexOf('\n') + 1)
        .split('\n')
        .filter(Boolean),
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
