import type { Context, Role } from '@gala/lib/lifecycle';
import { AccountService } from '@gala/protocol/account';
import { readConfig } from './config.ts';
import { createParts } from './parts.ts';
import { createHandlers } from './routes.ts';
import { startUpkeep } from './upkeep.ts';

export { accountSection } from './config.ts';
export { migrations } from './store/schema.ts';

/** Users, credentials, sessions, API tokens, partner issuers and signing keys. */
export const role: Role = {
  name: 'account',
  async start(context) {
    const parts = partsOf(context);
    await using started = new AsyncDisposableStack();
    started.use(await startUpkeep({ ...parts, jobs: context.jobs }));
    started.use(await context.rpc.serve(AccountService, createHandlers(parts)));
    return started.move();
  },
};

function partsOf({ sql, clock, logger, metrics, settings, secrets }: Context) {
  const config = readConfig(settings);
  return createParts({ sql, clock, logger, metrics, config, operatorToken: secrets.operatorToken });
}
