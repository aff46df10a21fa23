import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { CodedError } from '@gala/lib/error';
import { adminTokenPath, claimDataFolder, dataFolderPath, openSecrets } from './data-folder.ts';
import { DatabaseKeeper } from './database.ts';
import { startDemo } from './demo.ts';
import { cliErrors } from './errors.ts';
import { isSource } from './paths.ts';
import { placements, type PlacementName } from './placement.ts';
import { processLogger } from './process.ts';
import { databaseSection, readSettings } from './settings.ts';
import { startSupervisor } from './supervisor.ts';

const options = {
  one: { type: 'boolean' },
  split: { type: 'boolean' },
  public: { type: 'boolean' },
  'no-demo': { type: 'boolean' },
} as const;

interface UpOptions {
  readonly placement: PlacementName;
  readonly isPublic: boolean;
  readonly demo: boolean;
}

/** Connections that the database needs beside the processes': tools, migrations, replication. */
const spareConnections = 20;

/** `gala up`: the whole of Gala on this machine, until a signal ends it. */
export async function up(args: readonly string[]): Promise<void> {
  const { placement, isPublic, demo } = parseOptions(args);
  const stopped = firstSignal();
  const dataFolder = dataFolderPath();
  const settings = readSettings({ isPublic, singleListener: placement === 'one' });
  const logger = processLogger('supervisor', settings);
  const secrets = await openSecrets(dataFolder);
  await claimDataFolder(dataFolder);
  if (isSource) await build();
  await using stack = new AsyncDisposableStack();
  const perProcess = settings.get(databaseSection).connectionsPerProcess;
  const connectionsMax = placements[placement].length * perProcess + spareConnections;
  const database = stack.use(await DatabaseKeeper.open({ settings, dataFolder, connectionsMax, logger }));
  const supervisor = stack.use(
    await startSupervisor({ placement, settings, secrets, dataFolder, database, logger, isPublic }),
  );
  if (secrets.adminTokenIsNew) console.log(`operator token: ${adminTokenPath(dataFolder)}`);
  if (demo)
    stack.use(startDemo({ settings, supervisor, operatorToken: secrets.operatorToken, dataFolder, logger }));
  console.log(`ready ${supervisor.webUrl}`);
  await stopped;
  logger.info('closing; a second signal hurries');
  void firstSignal().then(() => supervisor.hurry());
}

/** From a checkout: the pages and the bundle that all processes run, when a source is newer than they are. */
async function build(): Promise<void> {
  const { buildBundle, buildWeb } = await import('./tasks/build.ts');
  if (await buildWeb()) console.log('built the web pages');
  if (await buildBundle()) console.log('built the bundle');
}

function parseOptions(args: readonly string[]): UpOptions {
  const { values } = parse(args);
  if (values.one && values.split)
    throw new CodedError(cliErrors, 'USAGE', { detail: '--one or --split, not both' });
  return {
    placement: values.one ? 'one' : values.split ? 'split' : 'default',
    isPublic: values.public ?? isContainer(),
    demo: !values['no-demo'],
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options });
  } catch (cause) {
    throw new CodedError(cliErrors, 'USAGE', { detail: (cause as Error).message, cause });
  }
}

/** A container's loopback is of no use to anyone outside, so there the default is to bind all addresses. */
function isContainer(env: NodeJS.ProcessEnv = process.env): boolean {
  return env.KUBERNETES_SERVICE_HOST !== undefined || env.GALA_CONTAINER === 'true';
}

async function firstSignal(): Promise<void> {
  const abort = new AbortController();
  const { signal } = abort;
  await Promise.race([once(process, 'SIGINT', { signal }), once(process, 'SIGTERM', { signal })]);
  abort.abort();
}
