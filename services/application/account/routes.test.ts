import { systemClock } from '@gala/lib/clock';
import { loadSettings } from '@gala/lib/config';
import { coordMigrations, openPostgresCoord } from '@gala/lib/coord';
import { jobMigrations, JobRunner } from '@gala/lib/jobs';
import type { Context } from '@gala/lib/lifecycle';
import { createMetrics } from '@gala/lib/metrics';
import { createRpc, type Client } from '@gala/lib/rpc';
import { startTestPostgres, type TestPostgres } from '@gala/lib/sql/testing';
import { AccountService } from '@gala/protocol/account';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accountSection, migrations, role } from './index.ts';
import { operatorToken, password } from './testing.ts';

const cleanUp = new AsyncDisposableStack();
let postgres: TestPostgres;
let accounts: Client<typeof AccountService>;

beforeAll(async () => {
  postgres = cleanUp.use(await startTestPostgres({ sets: [coordMigrations, jobMigrations, ...migrations] }));
  const { sql, logger } = postgres;
  const metrics = createMetrics('test');
  const base = { processId: 'front-1', clock: systemClock, logger, metrics };
  const coord = cleanUp.use(await openPostgresCoord({ ...base, database: sql.core() }));
  const network = { advertiseHost: '127.0.0.1', listenHost: '127.0.0.1', port: 0, portSetting: 'rpc.port' };
  const identity = { memberId: 'front-1', clusterToken: 'token', coord };
  const rpc = cleanUp.use(createRpc({ ...network, ...identity, logger, metrics }));
  const settings = loadSettings([accountSection], { env: {} });
  const secrets = { operatorToken, clusterToken: 'token' };
  const jobs = cleanUp.use(new JobRunner({ ...base, database: sql.core(), coord }));
  const context = { ...base, sql, coord, rpc, jobs, settings, secrets };
  cleanUp.use(await role.start(context as unknown as Context));
  accounts = rpc.client(AccountService);
});
afterAll(() => cleanUp.disposeAsync());

let usersMade = 0;

async function signedIn() {
  const name = `mira${++usersMade}`;
  const { user } = await accounts.createUser({ name, password, roles: ['host'] });
  return { name, userId: user!.userId, session: await accounts.signIn({ name, password }) };
}

test('a user signs in, is known by session and name, and signs out', async () => {
  const { name, userId, session } = await signedIn();
  const known = await accounts.authenticate({ token: session.sessionToken });
  expect(known).toMatchObject({ principal: session.principal, expiresAtMs: session.expiresAtMs });
  expect(known.principal).toMatchObject({ userId, name, roles: ['host'], scopes: [] });
  expect((await accounts.findUser({ name: name.toUpperCase() })).user).toMatchObject({ userId });
  expect((await accounts.getUser({ userId })).user).toMatchObject({ name });
  await accounts.signOut({ sessionToken: session.sessionToken });
  const again = accounts.authenticate({ token: session.sessionToken });
  await expect(again).rejects.toMatchObject({ code: 'UNAUTHENTICATED', http: 401 });
});

test('changed roles and passwords take effect on the sessions at once', async () => {
  const { userId, name, session } = await signedIn();
  const token = session.sessionToken;
  await accounts.authenticate({ token });
  await accounts.setRoles({ userId, roles: ['viewer'] });
  expect((await accounts.authenticate({ token })).principal).toMatchObject({ roles: ['viewer'] });
  const other = await accounts.signIn({ name, password });
  await accounts.authenticate({ token: other.sessionToken });
  await accounts.setPassword({ userId, password: 'another password', keepSessionToken: token });
  expect((await accounts.authenticate({ token })).principal).toMatchObject({ userId });
  const ended = accounts.authenticate({ token: other.sessionToken });
  await expect(ended).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});

test('API tokens, issuers and signing keys over the wire', async () => {
  const { userId } = await signedIn();
  const made = await accounts.createApiToken({ userId, name: 'ci', scopes: ['rooms:read'] });
  const { principal } = await accounts.authenticate({ token: made.token });
  expect(principal).toMatchObject({ userId, scopes: ['rooms:read'], csrfToken: '' });
  expect((await accounts.listApiTokens({ userId })).apiTokens).toEqual([made.apiToken]);
  await accounts.revokeApiToken({ userId, tokenId: made.apiToken!.tokenId });
  await expect(accounts.authenticate({ token: made.token })).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
  });
  expect(await accounts.listIssuers({})).toMatchObject({ issuers: [] });
  await expect(accounts.putIssuer({})).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  const { keys } = await accounts.signingKeys({});
  expect(keys).toHaveLength(1);
  expect(keys[0].secret).toHaveLength(32);
});

test('the operator token is a principal of its own', async () => {
  const { principal } = await accounts.authenticate({ token: operatorToken });
  expect(principal).toMatchObject({ userId: 0n, roles: ['operator'] });
});

test('with the database down sign-ins fail in time, known sessions go on, and all recovers', async () => {
  const { name, userId, session } = await signedIn();
  const token = session.sessionToken;
  await accounts.authenticate({ token });
  await postgres.stop();
  const startedAt = performance.now();
  await expect(accounts.signIn({ name, password })).rejects.toMatchObject({ code: 'UNAVAILABLE', http: 503 });
  expect(performance.now() - startedAt).toBeLessThan(2500);
  expect((await accounts.authenticate({ token })).principal).toMatchObject({ userId });
  await postgres.start();
  const signIn = () =>
    accounts.signIn({ name, password }).then(
      ({ principal }) => principal?.userId,
      () => undefined,
    );
  await expect.poll(signIn, { timeout: 10_000 }).toBe(userId);
});
