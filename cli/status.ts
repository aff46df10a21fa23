import { CodedError } from '@gala/lib/error';
import { runningInstallation } from './client.ts';
import { cliErrors } from './errors.ts';

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
}
