import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeUser, startTestAccounts, type TestAccounts } from './testing.ts';

let world: TestAccounts;
beforeAll(async () => {
  world = await startTestAccounts();
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

const tokenOf = (userId: number, change: { scopes?: string[]; expiresAtMs?: number; name?: string } = {}) =>
  world.apiTokens.create({ userId, name: 'ci', scopes: [], expiresAtMs: 0, ...change });

test('an API token stands for its user within its scopes until it is revoked', async () => {
  const user = await makeUser(world, ['host']);
  const { apiToken, token } = await tokenOf(user.userId, { scopes: ['rooms:read', 'rooms:write'] });
  expect(await world.principals.authenticate(token)).toEqual({
    userId: user.userId,
    name: user.name,
    roles: ['host'],
    scopes: ['rooms:read', 'rooms:write'],
    csrfToken: '',
    expiresAtMs: 0,
  });
  expect(await world.apiTokens.list(user.userId)).toEqual([apiToken]);
  await world.apiTokens.revoke(user.userId, apiToken.tokenId);
  await expect(world.principals.authenticate(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  const again = world.apiTokens.revoke(user.userId, apiToken.tokenId);
  await expect(again).rejects.toMatchObject({ code: 'TOKEN_UNKNOWN' });
});

test('a token with another secret or of another user opens nothing', async () => {
  const [one, two] = [await makeUser(world), await makeUser(world)];
  const { token } = await tokenOf(one.userId);
  const { token: other } = await tokenOf(two.userId);
  const mixed = [...token.split('.').slice(0, 2), other.split('.')[2]].join('.');
  const moved = token.replace(`gt_${one.userId}.`, `gt_${two.userId}.`);
  for (const forged of [mixed, moved]) {
    await expect(world.principals.authenticate(forged)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  }
});

test('a user keeps 50 tokens, however many are asked for at once; expired ones do not count', async () => {
  const { userId } = await makeUser(world);
  const expiresAtMs = world.clock.nowMs() + 1000;
  const settled = await Promise.allSettled(
    Array.from({ length: 60 }, () => tokenOf(userId, { expiresAtMs })),
  );
  const refused = settled.filter((one) => one.status === 'rejected');
  expect(refused).toHaveLength(10);
  for (const { reason } of refused) expect(reason).toMatchObject({ code: 'TOO_MANY_TOKENS' });
  world.clock.advance(1000);
  const { apiToken } = await tokenOf(userId);
  expect(await world.apiTokens.list(userId)).toEqual([apiToken]);
});

test('an expired token opens nothing', async () => {
  const { userId } = await makeUser(world);
  const { token } = await tokenOf(userId, { expiresAtMs: world.clock.nowMs() + 1000 });
  expect(await world.principals.authenticate(token)).toMatchObject({ userId });
  world.clock.advance(1000);
  await expect(world.principals.authenticate(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});

test('tokens that make no sense are refused', async () => {
  const { userId } = await makeUser(world);
  const invalid = { code: 'INVALID_REQUEST' };
  await expect(tokenOf(userId, { name: '' })).rejects.toMatchObject(invalid);
  await expect(tokenOf(userId, { name: 'a\0b' })).rejects.toMatchObject(invalid);
  await expect(world.apiTokens.revoke(userId, 'a\0b')).rejects.toMatchObject({ code: 'TOKEN_UNKNOWN' });
  await expect(tokenOf(userId, { scopes: ['everything'] })).rejects.toMatchObject(invalid);
  await expect(tokenOf(userId, { scopes: Array.from({ length: 17 }, () => 'a:b') })).rejects.toMatchObject(
    invalid,
  );
  await expect(tokenOf(userId, { expiresAtMs: 1 })).rejects.toMatchObject(invalid);
  await expect(tokenOf(2 ** 27)).rejects.toMatchObject({ code: 'USER_UNKNOWN' });
});
