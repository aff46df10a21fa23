import { regionOf } from '@gala/protocol/ids';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { claimName, findName, takeUserId } from './store/names.ts';
import { makeUser, password, startTestAccounts, type TestAccounts } from './testing.ts';

let world: TestAccounts;
beforeAll(async () => {
  world = await startTestAccounts({ region: 3 });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

const create = (name: string) => world.users.create({ name, password: '', roles: ['viewer'] });

test('a user carries the region, is found by id and by name without regard to case', async () => {
  const user = await world.users.create({ name: 'Mira.K', password, roles: ['host', 'viewer'] });
  expect(regionOf(user.userId)).toBe(3);
  expect(user).toMatchObject({ name: 'Mira.K', roles: ['viewer', 'host'] });
  expect(await world.users.get(user.userId)).toEqual(user);
  expect(await world.users.find('mIRA.k')).toEqual(user);
  await expect(world.users.find('nobody')).rejects.toMatchObject({ code: 'USER_UNKNOWN' });
  await expect(world.users.get(user.userId + 999)).rejects.toMatchObject({ code: 'USER_UNKNOWN' });
});

test('of 10 who want one name at once, one gets it', async () => {
  const settled = await Promise.allSettled(
    Array.from({ length: 10 }, (_, index) => create(index % 2 ? 'Wanted' : 'wanted')),
  );
  expect(settled.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
  for (const one of settled) {
    if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'NAME_TAKEN' });
  }
});

test('names that are no names, and names of others by right, are refused', async () => {
  for (const name of ['', 'ab', 'x'.repeat(33), '-abc', 'a b c', 'mañana', 'Operator', 'user-7', '../etc']) {
    await expect(create(name), name).rejects.toMatchObject({ code: 'NAME_INVALID' });
  }
  const wrongRole = world.users.create({ name: 'somebody', password: '', roles: ['king'] });
  await expect(wrongRole).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  expect(await create('somebody')).toMatchObject({ name: 'somebody' });
});

test('a claim whose user never came is taken over, but not while it may still come', async () => {
  const { pool } = world.sql.core();
  const userId = (await takeUserId(pool, 3))!;
  await claimName(pool, { foldedName: 'abandoned', userId, claimedAtMs: world.clock.nowMs() });
  await expect(create('abandoned')).rejects.toMatchObject({ code: 'NAME_TAKEN' });
  world.clock.advance(60_001);
  const user = await create('Abandoned');
  expect(await findName(pool, 'abandoned')).toMatchObject({ userId: user.userId });
});

test('roles are replaced as a whole', async () => {
  const { userId } = await makeUser(world);
  expect(await world.users.setRoles(userId, ['operator', 'host'])).toMatchObject({
    roles: ['host', 'operator'],
  });
  expect(await world.users.get(userId)).toMatchObject({ roles: ['host', 'operator'] });
  await expect(world.users.setRoles(2 ** 27, [])).rejects.toMatchObject({ code: 'USER_UNKNOWN' });
});

test('a region without numbers left says so', async () => {
  await world.sql.core().pool.query(`select setval('account_user_number', 268435455)`);
  await expect(create('toolate')).rejects.toMatchObject({ code: 'USERS_EXHAUSTED' });
  await world.sql.core().pool.query(`select setval('account_user_number', 100000)`);
  expect(await create('toolate')).toMatchObject({ name: 'toolate' });
});
