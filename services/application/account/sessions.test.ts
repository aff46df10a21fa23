import { shardOfUser } from '@gala/protocol/ids';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { purgeSessions } from './store/sessions.ts';
import { makeUser, operatorToken, password, startTestAccounts, type TestAccounts } from './testing.ts';
import { createSessionToken } from './tokens.ts';

let world: TestAccounts;
beforeAll(async () => {
  world = await startTestAccounts();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

const signIn = (name: string, given = password, remoteAddress = '192.0.2.1') =>
  world.sessions.signIn({ name, password: given, remoteAddress });
const authenticate = (token: string) => world.principals.authenticate(token);
const unauthenticated = { code: 'UNAUTHENTICATED' };

test('a session stands for its user until it is signed out', async () => {
  const user = await makeUser(world, ['viewer', 'host']);
  const { token, principal } = await signIn(user.name.toUpperCase());
  expect(token).toMatch(new RegExp(`^gs_${user.userId}\\.[A-Za-z0-9_-]{43}$`));
  expect(principal).toMatchObject({ userId: user.userId, name: user.name, roles: ['viewer', 'host'] });
  expect(principal.csrfToken).toHaveLength(43);
  expect(await authenticate(token)).toEqual(principal);
  await world.sessions.signOut(token);
  await expect(authenticate(token)).rejects.toMatchObject(unauthenticated);
  await world.sessions.signOut(token);
});

test('the database holds no token, and a stolen hash opens nothing', async () => {
  const user = await makeUser(world);
  const { token } = await signIn(user.name);
  const { pool } = world.sql.shard(shardOfUser(user.userId));
  const { rows } = await pool.query<{ text: string; hash: Buffer }>(
    `select session::text as text, secret_hash as hash from account_session session where user_id = $1`,
    [user.userId],
  );
  expect(rows[0].text).not.toContain(token.split('.')[1]);
  const stolen = `gs_${user.userId}.${rows[0].hash.toString('base64url')}`;
  await expect(authenticate(stolen)).rejects.toMatchObject(unauthenticated);
});

test('a session ends after 30 days, and its row goes', async () => {
  const user = await makeUser(world);
  const { token, principal } = await signIn(user.name);
  expect(principal.expiresAtMs).toBe(world.clock.nowMs() + 30 * 86_400_000);
  world.clock.advance(30 * 86_400_000 - 1);
  expect(await authenticate(token)).toMatchObject({ userId: user.userId });
  world.clock.advance(1);
  await expect(authenticate(token)).rejects.toMatchObject(unauthenticated);
  const { pool } = world.sql.shard(shardOfUser(user.userId));
  expect(await purgeSessions(pool, world.clock.nowMs(), 1000)).toBeGreaterThan(0);
  expect(await purgeSessions(pool, world.clock.nowMs(), 1000)).toBe(0);
});

test('a wrong password, an unknown name and a user without password are told alike', async () => {
  const user = await makeUser(world);
  await world.users.create({ name: 'partner-only', password: '', roles: [] });
  const wrong = { code: 'CREDENTIALS_WRONG' };
  await expect(signIn(user.name, `${password}x`)).rejects.toMatchObject(wrong);
  await expect(signIn('nobody-at-all')).rejects.toMatchObject(wrong);
  await expect(signIn('partner-only')).rejects.toMatchObject(wrong);
  await expect(signIn('partner-only', '')).rejects.toMatchObject(wrong);
  for (const name of ['', 'a\0b', 'x'.repeat(5000)]) await expect(signIn(name)).rejects.toMatchObject(wrong);
});

test('after too many wrong tries even the right password waits for the window to end', async () => {
  const user = await makeUser(world);
  const guesses = Array.from({ length: 10 }, (_, index) => signIn(user.name, `wrong-${index}`, ''));
  await Promise.allSettled(guesses);
  await expect(signIn(user.name, password, '')).rejects.toMatchObject({ code: 'TOO_MANY_TRIES' });
  world.clock.advance(world.config.tryWindowSeconds * 1000);
  expect(await signIn(user.name, password, '')).toMatchObject({ principal: { userId: user.userId } });
});

test('a new password ends all sessions but the one it was set in', async () => {
  const user = await makeUser(world);
  const [here, elsewhere] = await Promise.all([signIn(user.name), signIn(user.name)]);
  await world.users.setPassword(user.userId, 'another password', here.token);
  world.principals.forget(user.userId);
  expect(await authenticate(here.token)).toMatchObject({ userId: user.userId });
  await expect(authenticate(elsewhere.token)).rejects.toMatchObject(unauthenticated);
  await expect(signIn(user.name)).rejects.toMatchObject({ code: 'CREDENTIALS_WRONG' });
  expect(await signIn(user.name, 'another password')).toMatchObject({ principal: { userId: user.userId } });
});

test('a user keeps at most 100 sessions; the oldest ends', async () => {
  const user = await makeUser(world);
  const first = await signIn(user.name);
  for (let more = 0; more < 100; more++) {
    world.clock.advance(1);
    await signIn(user.name);
  }
  world.principals.forget(user.userId);
  await expect(authenticate(first.token)).rejects.toMatchObject(unauthenticated);
});

test('the operator token is no user and has the role operator; what is like it is nothing', async () => {
  expect(await authenticate(operatorToken)).toMatchObject({ userId: 0, roles: ['operator'], scopes: [] });
  for (const token of ['', 'x', `${operatorToken} `, createSessionToken(1).text, 'gt_1.2.3']) {
    await expect(authenticate(token), token).rejects.toMatchObject(unauthenticated);
  }
});

test('another process honours what was revoked here for its cache time at most', async () => {
  const user = await makeUser(world);
  const { token } = await signIn(user.name);
  const other = world.otherProcess();
  await other.principals.authenticate(token);
  await world.sessions.signOut(token);
  expect(await other.principals.authenticate(token)).toMatchObject({ userId: user.userId });
  world.clock.advance(world.config.authCacheMs);
  await expect(other.principals.authenticate(token)).rejects.toMatchObject(unauthenticated);
});
