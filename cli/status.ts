import { CodedError } from '@gala/lib/error';
import { runningInstallation } from './client.ts';
import { cliErrors } from './errors.ts';
import type { HotKeyOfProcesses } from './hot-keys.ts';

const shownMax = 20;

interface Status {
  readonly pid: number;
  readonly uptimeSeconds: number;
  readonly database: string;
  readonly processes: readonly {
    readonly name: string;
    readonly roles: readonly string[];
    readonly pid?: number;
    readonly state: string;
    readonly restarts: number;
    readonly addresses: Readonly<Record<string, string>>;
  }[];
}

/** `gala status`: asks the supervisor, so it works with any role down. */
export async function status(): Promise<void> {
  const { adminUrl } = await runningInstallation();
  const answer = await fetch(`${adminUrl}/status`).catch((cause: unknown) => {
    throw new CodedError(cliErrors, 'NOT_RUNNING', { detail: `${adminUrl} does not answer`, cause });
  });
  const { pid, uptimeSeconds, database, processes } = (await answer.json()) as Status;
  console.log(`supervisor  pid ${pid}, up ${uptimeSeconds} s, database ${database}`);
  for (const { name, roles, pid: childPid, state, restarts, addresses } of processes) {
    const where = Object.values(addresses).join(' ');
    console.log(
      `${name.padEnd(11)} ${state}, pid ${childPid ?? '-'}, ${restarts} restarts, [${roles.join(' ')}] ${where}`,
    );
  }
  await printHotKeys(adminUrl);
}

/** Those read most, where there are any. */
async function printHotKeys(adminUrl: string): Promise<void> {
  const answer = await fetch(`${adminUrl}/hot-keys`);
  const { keys } = (await answer.json()) as { keys: readonly HotKeyOfProcesses[] };
  for (const { cache, key, readsPerSecond, hotMs, processes } of keys.slice(0, shownMax)) {
    const where = processes.join(' ');
    const seconds = Math.round(hotMs / 1000);
    console.log(`hot key     ${cache}/${key}: ${readsPerSecond} reads/s, for ${seconds} s, [${where}]`);
  }
}
