import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '@gala/lib/config';
import { onSignals } from '@gala/lib/lifecycle';
import type { Logger } from '@gala/lib/logger';
import { ApiError, createRoomClient, type RoomClient } from '@gala/sdk/room';
import { Child } from './child.ts';
import { operatorClient, runningInstallation } from './client.ts';
import { dataFolderPath, writePrivate } from './data-folder.ts';
import type { DemoStartMessage } from './entry/messages.ts';
import { entryPath } from './paths.ts';
import { processLogger } from './process.ts';
import { demoSection, readSettings } from './settings.ts';
import type { Supervisor } from './supervisor.ts';

const drainMs = 2_000;

export interface DemoOptions {
  readonly settings: Settings;
  readonly supervisor: Supervisor;
  readonly operatorToken: string;
  readonly dataFolder: string;
  readonly logger: Logger;
}

/** Starts the demo broadcast in a child; a failure is a log line, never the end of `gala up`. */
export function startDemo(options: DemoOptions): AsyncDisposable {
  const { settings, supervisor, operatorToken, dataFolder, logger } = options;
  let child: Child | undefined;
  const start = async (): Promise<void> => {
    const operator = createRoomClient({ baseUrl: supervisor.adminUrl, token: operatorToken });
    const message = await demoStart({ operator, settings, dataFolder, ...supervisor });
    child = new Child({ start: message, entry: entryPath('demo'), nice: 10, logger });
    await child.start();
    logger.info({ page: `${supervisor.webUrl}/@${message.hostName}` }, 'the demo is on air');
  };
  const started = start().catch((error: unknown) => logger.warn({ error }, 'no demo'));
  return {
    async [Symbol.asyncDispose]() {
      await started;
      await child?.stop(drainMs);
    },
  };
}

/** `gala demo`: the same broadcast from this process into an installation that runs already. */
export async function demo(): Promise<void> {
  const settings = readSettings();
  const operator = await operatorClient();
  const message = await demoStart({
    operator,
    settings,
    dataFolder: dataFolderPath(),
    ...(await runningInstallation()),
  });
  const { startBroadcast } = await import('./demo/broadcast.ts');
  const logger = processLogger('demo', settings);
  const broadcast = await startBroadcast({ ...message, logger });
  await onSignals({ drain: () => broadcast[Symbol.asyncDispose](), logger });
}

interface DemoParts {
  readonly operator: RoomClient;
  readonly settings: Settings;
  readonly dataFolder: string;
  readonly adminUrl: string;
  readonly rtmpUrl: string;
}

async function demoStart({
  operator,
  settings,
  dataFolder,
  adminUrl,
  rtmpUrl,
}: DemoParts): Promise<DemoStartMessage> {
  const { name, width, height } = settings.get(demoSection);
  const streamKey = await demoKey(operator, name, join(dataFolder, 'secrets', 'demo.key'));
  return {
    type: 'start',
    name: 'demo',
    roles: [],
    hostName: name,
    adminUrl,
    rtmpUrl,
    streamKey,
    width,
    height,
  };
}

/** The demo host's stream key: kept from the last start if it is still good, else a new one. */
async function demoKey(operator: RoomClient, name: string, path: string): Promise<string> {
  const kept = (await readFile(path, 'utf8').catch(() => '')).trim();
  const made = await operator.createHost({ name, title: 'Gala demo' }).catch((error: unknown) => {
    if (error instanceof ApiError && error.code === 'NAME_TAKEN') return undefined;
    throw error;
  });
  if (!made && kept) return kept;
  const { streamKey } = made ?? (await operator.rotateHostStreamKey({ hostRef: `@${name}` }));
  await writePrivate(path, `${streamKey}\n`);
  return streamKey;
}
