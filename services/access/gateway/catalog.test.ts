import { catalogOperations } from '@gala/protocol/rest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as account from '../../application/account/index.ts';
import * as room from '../../application/room/index.ts';
import { gatewaySection, role } from './index.ts';
import { startTestHouse, type TestHouse } from './testing-context.ts';
import { createTestHost, TestClient } from './testing.ts';

let house: TestHouse;
let operator: TestClient;
let mira: Awaited<ReturnType<typeof createTestHost>>;

beforeAll(async () => {
  house = await startTestHouse({
    roles: [account.role, room.readerRole, room.role, role],
    sections: [account.accountSection, room.roomSection, room.diskSection, gatewaySection],
    migrations: [...account.migrations, ...room.migrations],
  });
  operator = new TestClient(house.listener.port, { token: house.operatorToken });
  mira = await createTestHost(operator, 'mira');
}, 60_000);
afterAll(() => house[Symbol.asyncDispose]());

const stranger = () => new TestClient(house.listener.port);
const reason = 'test of the catalogue';

test('areas are made, ordered and retired by operators alone, and read by anyone', async () => {
  const put = (areaId: string, en: string, zh: string) =>
    operator.call('putArea', { params: { areaId }, body: { names: { en, zh }, reason } });
  for (const [areaId, en, zh] of [
    ['games', 'Games', '游戏'],
    ['music', 'Music', '音乐'],
  ])
    expect((await put(areaId, en, zh)).code).toBeUndefined();
  await operator.call('orderAreas', { body: { areaIds: ['music'], reason } });
  await operator.call('retireArea', { params: { areaId: 'games' }, body: { reason } });
  const { areas } = (await stranger().call('listAreas')).body;
  expect(areas).toEqual([
    { areaId: 'music', names: { en: 'Music', zh: '音乐' }, isRetired: false, rooms: 0 },
    { areaId: 'games', names: { en: 'Games', zh: '游戏' }, isRetired: true, rooms: 0 },
  ]);
  const asHost = await mira.session.call('retireArea', { params: { areaId: 'music' }, body: { reason } });
  expect(asHost.code).toBe('FORBIDDEN');
  const unknown = await operator.call('retireArea', { params: { areaId: 'nowhere' }, body: { reason } });
  expect(unknown.code).toBe('AREA_UNKNOWN');
  const told = house.logLines.filter((line) => line.includes('areas changed'));
  expect(told).toHaveLength(4);
  expect(told.every((line) => line.includes(reason))).toBe(true);
});

test('a host chooses an area of the list', async () => {
  const choose = (areaId: string) => mira.session.call('updateMyHost', { body: { areaId } });
  expect((await choose('music')).body.host.areaId).toBe('music');
  expect((await choose('games')).code).toBe('AREA_UNKNOWN');
  expect((await choose('')).body.host).not.toHaveProperty('areaId');
  const none = await stranger().call('listLiveRooms', { query: { areaId: 'music' } });
  expect(none.body).toEqual({ rooms: [], total: 0 });
});

test('every operation of the catalogue was answered with success', () => {
  const names = Object.keys(catalogOperations);
  expect([...TestClient.exercised].filter((name) => names.includes(name)).sort()).toEqual(names.sort());
});
