import type { Settings } from '@gala/lib/config';
import type { Logger } from '@gala/lib/logger';
import type { Secrets } from '@gala/lib/lifecycle';
import { createMetrics } from '@gala/lib/metrics';
import { openAdmin } from './admin.ts';
import { Child, type ChildOptions } from './child.ts';
import { removeSupervisorRecord, writeSupervisorRecord, type SupervisorRecord } from './data-folder.ts';
import type { DatabaseKeeper } from './database.ts';
import type { StartMessage } from './entry/messages.ts';
import { entryPath } from './paths.ts';
import type { PlacementName, ProcessPlan } from './placement.ts';

/** How long processes may drain at a stop before they are killed. */
const drainMs = 8_000;

export interface SupervisorOptions {
  readonly placement: PlacementName;
  readonly plans: readonly ProcessPlan[];
  readonly settings: Settings;
  readonly secrets: Secrets;
  readonly dataFolder: string;
  readonly database: DatabaseKeeper;
  readonly logger: Logger;
  readonly isPublic: boolean;
}

/** The running installation as `gala up` sees it. */
export interface Supervisor extends AsyncDisposable {
  readonly webUrl: string;
  readonly rtmpUrl: string;
  readonly adminUrl: string;
  /** Kills what is still draining. */
  hurry(): void;
}

/** Starts every process of a placement and keeps them running until it is disposed. */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const { dataFolder, logger } = options;
  const children = options.plans.map((plan, ordinal) => new Child(childOptions(options, plan, ordinal)));
  const metrics = createMetrics('supervisor');
  await using stack = new AsyncDisposableStack();
  const admin = await openAdmin({
    settings: options.settings,
    logger,
    metrics,
    children,
    databaseState: () => options.database.state,
  });
  stack.use(admin);
  stack.defer(() => stopAll(children));
  await startAll(children);
  const record = recordOf(children, `http://${admin.host}:${admin.port}`);
  await writeSupervisorRecord(dataFolder, record);
  stack.defer(() => removeSupervisorRecord(dataFolder));
  const owned = stack.move();
  return {
    ...record,
    hurry: () => children.forEach((child) => child.hurry()),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function recordOf(children: readonly Child[], adminUrl: string): SupervisorRecord {
  const all = children.map((child) => child.status());
  const addresses = Object.assign({}, ...all.map((status) => status.addresses)) as Record<string, string>;
  return {
    pid: process.pid,
    adminUrl,
    webUrl: addresses.web ?? '',
    rtmpUrl: addresses.rtmp ?? '',
  };
}

/** All at once: roles wait for each other over rpc, so no order is needed. */
async function startAll(children: readonly Child[]): Promise<void> {
  const results = await Promise.allSettled(children.map((child) => child.start()));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

/**
 * In reverse order of the table: who calls goes before who answers, so that last reports arrive. Several processes of
 * the same roles stop together, or each would hand its work to the next one that stops.
 */
async function stopAll(children: readonly Child[]): Promise<void> {
  const byRoles = Map.groupBy(children.toReversed(), (child) => child.status().roles.join());
  for (const same of byRoles.values()) await Promise.all(same.map((child) => child.stop(drainMs)));
}

function childOptions(options: SupervisorOptions, plan: ProcessPlan, ordinal: number): ChildOptions {
  const { dataFolder, database, secrets, placement, isPublic, logger } = options;
  const start: StartMessage = {
    type: 'start',
    name: plan.name,
    ordinal,
    roles: plan.roles,
    dataFolder,
    databases: database.urls,
    secrets,
    singleListener: placement === 'one',
    isPublic,
  };
  return { start, entry: entryPath('role'), nice: plan.nice ?? 0, logger };
}
