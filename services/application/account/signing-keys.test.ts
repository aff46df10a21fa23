import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTestAccounts, type TestAccounts } from './testing.ts';

const dayMs = 86_400_000;

let world: TestAccounts;
beforeEach(async () => {
  world = await startTestAccounts();
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const kids = async () => (await world.signingKeys.list()).map(({ kid }) => kid);

test('processes that start at once agree on the first key', async () => {
  const processes = [world, ...Array.from({ length: 5 }, () => world.otherProcess())];
  await Promise.all(processes.map(({ signingKeys }) => signingKeys.rotate()));
  const lists = await Promise.all(processes.map(({ signingKeys }) => signingKeys.list()));
  expect(lists[0]).toHaveLength(1);
  expect(lists[0][0].secret).toHaveLength(32);
  for (const list of lists) expect(list).toEqual(lists[0]);
});

test('a key is replaced at its age, announced before it signs, and two are valid', async () => {
  const [first] = await kids();
  world.clock.advance(30 * dayMs - 1);
  await world.signingKeys.rotate();
  expect(await kids()).toEqual([first]);
  world.clock.advance(1);
  await world.signingKeys.rotate();
  const announced = await kids();
  expect(announced).toEqual([first, expect.any(String)]);
  world.clock.advance(60_000);
  expect(await kids()).toEqual([announced[1], first]);
  world.clock.advance(30 * dayMs);
  await world.signingKeys.rotate();
  expect(await kids()).toEqual([announced[1], expect.any(String)]);
});

test('with the database down the keys are still known', async () => {
  const before = await kids();
  await world.postgres.stop();
  world.clock.advance(60 * 60 * 1000);
  expect(await kids()).toEqual(before);
});
