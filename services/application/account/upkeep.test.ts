import { systemClock } from '@gala/lib/clock';
import { openPostgresCoord } from '@gala/lib/coord';
import { JobRunner } from '@gala/lib/jobs';
import { createMetrics } from '@gala/lib/metrics';
import { shardOfUser } from '@gala/protocol/ids';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeUser, password, startTestAccounts, type TestAccounts } from './testing.ts';
import { startUpkeep } from './upkeep.ts';

const cleanUp = new AsyncDisposableStack();
let world: TestAccounts;
beforeAll(async () => {
  world = cleanUp.use(await startTestAccounts());
});
afterAll(() => cleanUp.disposeAsync());

async function openJobs(processId: string): Promise<JobRunner> {
  const { sql, logger } = world.postgres;
  const metrics = createMetrics(processId);
  const options = { database: sql.core(), processId, clock: systemClock, logger, metrics };
  const coord = cleanUp.use(await openPostgresCoord(options));
  return cleanUp.use(new JobRunner({ ...options, coord }));
}

test('expired sessions go and the signing key is replaced, once however many processes there are', async () => {
  const user = await makeUser(world);
  const signIn = () => world.sessions.signIn({ name: user.name, password, remoteAddress: '' });
  await signIn();
  const [before] = await world.signingKeys.list();
  world.clock.advance(31 * 86_400_000);
  const { token } = await signIn();
  for (const processId of ['front-1', 'front-2', 'front-3']) {
    cleanUp.use(await startUpkeep({ ...world, jobs: await openJobs(processId) }, 500));
  }
  const { pool } = world.sql.shard(shardOfUser(user.userId));
  const sessions = async () => (await pool.query(`select 1 from account_session`)).rowCount;
  await expect.poll(sessions, { timeout: 10_000 }).toBe(1);
  expect(await world.principals.authenticate(token)).toMatchObject({ userId: user.userId });
  const keys = await world.signingKeys.list();
  expect(keys.map(({ kid }) => kid)).toEqual([before.kid, expect.any(String)]);
});
