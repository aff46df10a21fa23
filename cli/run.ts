import { CodedError } from '@gala/lib/error';
import { onSignals } from '@gala/lib/lifecycle';
import { edgeSection } from '@gala/services/access/edge';
import { dataFolderPath, readSecrets } from './data-folder.ts';
import { findDatabases } from './database.ts';
import { cliErrors } from './errors.ts';
import { assertEdges, isRoleName, roleNames, type RoleName } from './placement.ts';
import { startProcess } from './process.ts';
import { readSettings } from './settings.ts';

/** `gala run <role…>`: these roles in this process, on a database that somebody else keeps. */
export async function run(args: readonly string[]): Promise<void> {
  const roles = parseRoles(args);
  assertEdges(readSettings().get(edgeSection).processes);
  const dataFolder = dataFolderPath();
  const running = await startProcess({
    name: roles.join('+'),
    ordinal: 0,
    roles,
    dataFolder,
    databases: await findDatabases(dataFolder),
    secrets: await readSecrets(dataFolder),
    singleListener: false,
    isPublic: false,
  });
  console.log(`ready ${Object.values(running.addresses).join(' ')}`);
  await onSignals({ drain: () => running[Symbol.asyncDispose](), logger: running.logger });
}

function parseRoles(args: readonly string[]): RoleName[] {
  const unknown = args.filter((text) => !isRoleName(text));
  if (args.length === 0 || unknown.length > 0) {
    const detail = `gala run <role…>, roles are ${roleNames.join(', ')}`;
    throw new CodedError(cliErrors, 'USAGE', { detail });
  }
  return args.filter(isRoleName);
}
