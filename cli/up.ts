import { parseArgs } from 'node:util';
import type { Settings } from '@gala/lib/config';
import { coordSection, declareCoordEngine } from '@gala/lib/coord';
import { CodedError } from '@gala/lib/error';
import { onSignals } from '@gala/lib/lifecycle';
import { shardDatabaseNames } from '@gala/lib/sql';
import type { Logger } from '@gala/lib/logger';
import { edgeSection } from '@gala/services/access/edge';
import { claimDataFolder } from './claim.ts';
import { adminTokenPath, dataFolderPath, openSecrets } from './data-folder.ts';
import { DatabaseKeeper } from './database.ts';
import { startDemo } from './demo.ts';
import { cliErrors } from './errors.ts';
import { plansOf, type PlacementName } from './placement.ts';
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

/** `gala up`: the whole of Gala on this machine, until a signal ends it. */
export async function up(args: readonly string[]): Promise<void> {
  const options = parseOptions(args);
  const settings = readSettings({ isPublic: options.isPublic, singleListener: options.placement === 'one' });
  const logger = processLogger('supervisor', settings);
  const starting = startInstallation({ ...options, settings, logger });
  const closed = onSignals({
    // A signal during the start lets it finish first: half of a start is what nobody can close.
    drain: () => starting.then((started) => started[Symbol.asyncDispose]()),
    hurry: () => void starting.then((started) => started.hurry()),
    logger,
  });
  closed.catch(() => undefined);
  console.log(`ready ${(await starting).webUrl}`);
  await closed;
}

interface InstallationOptions extends UpOptions {
  readonly settings: Settings;
  readonly logger: Logger;
}

interface Installation extends AsyncDisposable {
  readonly webUrl: string;
  hurry(): void;
}

/** The claim on the data folder, secrets, database, processes and demo, in this order. */
async function startInstallation(options: InstallationOptions): Promise<Installation> {
  const { settings, logger, placement, isPublic } = options;
  const dataFolder = dataFolderPath();
  await using stack = new AsyncDisposableStack();
  stack.use(await claimDataFolder(dataFolder));
  const secrets = await openSecrets(dataFolder);
  const plans = plansOf(placement, settings.get(edgeSection).processes);
  const perProcess = settings.get(databaseSection).connectionsPerProcess;
  // Two more for each process: coord and readers of the event log have connections of their own. The room role reads
  // changes and scans rooms beside its pools: four for each database.
  const ofRooms = plans.filter(({ roles }) => roles.includes('room')).length * 4 * shardDatabaseNames.length;
  const connections = plans.length * (perProcess + 2) + ofRooms;
  const database = stack.use(await DatabaseKeeper.open({ settings, dataFolder, connections, logger }));
  const before = await declareCoordEngine(database.urls.core, settings.get(coordSection));
  if (before) logger.warn({ before }, 'coordination engine changed');
  const supervisor = stack.use(
    await startSupervisor({ placement, plans, settings, secrets, dataFolder, database, logger, isPublic }),
  );
  if (secrets.adminTokenIsNew) console.log(`operator token: ${adminTokenPath(dataFolder)}`);
  const { operatorToken } = secrets;
  if (options.demo) stack.use(startDemo({ settings, supervisor, operatorToken, dataFolder, logger }));
  const started = stack.move();
  return {
    webUrl: supervisor.webUrl,
    hurry: () => supervisor.hurry(),
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
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
