import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { platform } from 'node:process';
import { collectionsSection, twemproxySection } from '@gala/lib/collections';
import { CodedError } from '@gala/lib/error';
import { onSignals } from '@gala/lib/lifecycle';
import { dataFolderPath } from './data-folder.ts';
import { cliErrors } from './errors.ts';
import { processLogger } from './process.ts';
import { readSettings } from './settings.ts';
import { TwemproxyAgent } from './twemproxy/agent.ts';

/** `gala twemproxy`: the proxies of this host, each before the present masters of all shards. */
export async function twemproxy(): Promise<void> {
  const settings = readSettings();
  const { sentinels, masters, password, sentinelPassword } = settings.get(collectionsSection);
  const { listen, program, shardTimeoutMs } = settings.get(twemproxySection);
  if (sentinels.length === 0 || masters.length === 0) {
    const detail = 'gala twemproxy needs collections.sentinels and collections.masters';
    throw new CodedError(cliErrors, 'USAGE', { detail });
  }
  await assertProgram(program);
  const logger = processLogger('twemproxy', settings);
  const folder = join(dataFolderPath(), 'twemproxy');
  const agent = await TwemproxyAgent.start({
    program,
    listen,
    folder,
    sentinels,
    masters,
    password,
    sentinelPassword,
    shardTimeoutMs,
    logger,
  });
  void agent.ready.then(() => console.log(`ready ${listen.join(' ')}`));
  await onSignals({ drain: () => agent[Symbol.asyncDispose](), logger });
}

/** Better said now than with each start of a proxy. */
async function assertProgram(program: string): Promise<void> {
  // Proxies that an agent before has left are found in /proc.
  if (platform !== 'linux')
    throw new CodedError(cliErrors, 'START_FAILED', { detail: 'gala twemproxy needs Linux' });
  try {
    await once(spawn(program, ['-V'], { stdio: 'ignore' }), 'close');
  } catch (cause) {
    const detail = `there is no ${program}; twemproxy.program names Twemproxy's nutcracker`;
    throw new CodedError(cliErrors, 'START_FAILED', { detail, cause });
  }
}
