import { join } from 'node:path';
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
