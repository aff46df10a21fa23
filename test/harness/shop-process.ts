import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '@gala/lib/clock';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { openSql, type DatabaseUrls, type OpenSql } from '@gala/lib/sql';

/** A process that a test runs beside its own. */
export interface TestProcess {
  readonly child: ChildProcess;
  /** Lines that it has written. */
  readonly lines: string[];
}

export function startTestProcess(script: string, options: object): TestProcess {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, script)], {
    env: { ...process.env, TEST_OPTIONS: JSON.stringify(options) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  return { child, lines };
}

export async function endTestProcess({ child }: TestProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

/** What `startTestProcess` was told. */
export function testOptions(): unknown {
  return JSON.parse(process.env.TEST_OPTIONS!);
}

export function openTestSql(urls: DatabaseUrls, processName: string): Promise<OpenSql> {
  return openSql({
    urls,
    connectionsMax: 12,
    processName,
    logger: createLogger({ name: processName, level: 'fatal' }),
    metrics: createMetrics(processName),
    clock: systemClock,
  });
}
