import { catalogOperations } from '@gala/protocol/rest';
import { RoomService } from '@gala/protocol/room';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { houseOfRooms } from '../../../test/harness/houses.ts';
import { startTestHouse, type TestHouse } from './testing-context.ts';
import { createTestHost, TestClient } from './testing.ts';

let house: TestHouse;
let operator: TestClient;
let mira: Awaited<ReturnType<typeof createTestHost>>;

beforeAll(async () => {
  house = await startTestHouse({
    ...houseOfRooms,
    env: { GALA_ROOM_PLAY_FLUSH_MS: '100' },
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

test('a host schedules his next room for a time; it is listed, changed and cancelled', async () => {
  const startsAtMs = Date.now() + 3_600_000;
  const schedule = (body: object) => mira.session.call('createRoom', { body });
  const { room } = (await schedule({ title: 'gala', startsAtMs })).body;
  expect(room).toMatchObject({ state: 'created', title: 'gala', startsAtMs });
  const coming = async () =>
    (await stranger().call('listComingRooms')).body.rooms.map((each) => [each.roomId, each.startsAtMs]);
  await expect.poll(coming, { timeout: 10_000 }).toEqual([[room.roomId, startsAtMs]]);
  const later = (await schedule({ title: 'gala', startsAtMs: startsAtMs + 1000 })).body.room;
  expect([later.roomId, later.startsAtMs]).toEqual([room.roomId, startsAtMs + 1000]);
  for (const wrong of [Date.now() - 1000, Date.now() + 31 * 86_400_000])
    expect((await schedule({ startsAtMs: wrong })).code).toBe('SCHEDULE_INVALID');
  const page = async () => (await stranger().call('getHostPage', { params: { hostRef: '@mira' } })).body;
  await expect.poll(page, { timeout: 10_000 }).toMatchObject({ room: { startsAtMs: startsAtMs + 1000 } });
  await mira.session.call('endRoom', { params: { roomId: room.roomId }, body: { reason: 'cancelled' } });
  await expect.poll(coming, { timeout: 10_000 }).toEqual([]);
  expect(await page()).not.toHaveProperty('room');
});

test('a host tells something; strangers to a private host do not read it', async () => {
  const tell = (body: object) => mira.session.call('updateMyHost', { body });
  const { host } = (await tell({ announcement: 'at eight\nfor all' })).body;
  expect(host.announcement).toMatchObject({ text: 'at eight\nfor all' });
  const page = async () => await stranger().call('getHostPage', { params: { hostRef: '@mira' } });
  const read = async () => (await page()).body.host.announcement?.text;
  await expect.poll(read, { timeout: 10_000 }).toBe('at eight\nfor all');
  const again = (await tell({ announcement: 'at eight\nfor all' })).body.host;
  expect(again.announcement?.sinceMs).toBe(host.announcement?.sinceMs);
  expect((await tell({ announcement: 'a\u0007b' })).code).toBe('INVALID_REQUEST');
  await tell({ visibility: 'private' });
  await expect.poll(async () => (await page()).code, { timeout: 10_000 }).toBe('ROOM_PRIVATE');
  await tell({ visibility: 'public', announcement: '' });
  await expect.poll(read, { timeout: 10_000 }).toBeUndefined();
});

test('operators tell something on every page, until they take it away or it is over', async () => {
  const put = (en: string, zh: string, untilMs?: number) =>
    operator.call('putSiteNotice', { body: { texts: { en, zh }, reason, ...(untilMs && { untilMs }) } });
  const read = async () => (await stranger().call('getSiteNotice')).body.notice;
  expect(await read()).toBeUndefined();
  await put('Back at ten', '十点恢复');
  expect(await read()).toEqual({ texts: { en: 'Back at ten', zh: '十点恢复' }, version: 1 });
  expect((await put('Only English', '')).code).toBe('INVALID_REQUEST');
  await put('Over', '结束', Date.now() - 1);
  expect(await read()).toBeUndefined();
  await put('', '');
  expect(await read()).toBeUndefined();
});

test('a switch is set by operators alone, with who and why', async () => {
  const set = (by: TestClient, switchName: string, state: string) =>
    by.call('setSwitch', { params: { switchName }, body: { state, reason } });
  expect((await set(mira.session, 'playCounts', 'off')).code).toBe('FORBIDDEN');
  expect((await set(operator, 'playCounts', 'loud')).code).toBe('SWITCH_UNKNOWN');
  expect((await set(operator, 'nothing', 'off')).code).toBe('SWITCH_UNKNOWN');
  expect((await set(operator, 'playCounts', 'frozen')).code).toBeUndefined();
  const { switches, changes } = (await operator.call('listSwitches')).body;
  expect(switches).toMatchObject([{ name: 'playCounts', state: 'frozen', setting: { by: '0', reason } }]);
  expect(changes[0]).toMatchObject({ what: 'playCounts: frozen', by: '0', reason });
});

test('plays that an edge tells are shown with the room, and off they are not', async () => {
  const set = (state: string) =>
    operator.call('setSwitch', { params: { switchName: 'playCounts' }, body: { state, reason } });
  await set('on');
  const rooms = house.context.rpc.client(RoomService);
  const { room: admitted } = await rooms.admitPublish({ streamKey: mira.streamKey, edgeId: 'media-x' });
  const { roomId, epoch } = admitted!;
  const streams = [{ roomId, epoch, plays: 7n, beganAtMs: 1n }];
  const params = { roomRef: '@mira' };
  const plays = async () => {
    await rooms.reportEdge({ edgeId: 'media-x', streams });
    return (await stranger().call('enterRoom', { params })).body.plays;
  };
  await expect.poll(plays, { timeout: 15_000 }).toBe(7);
  await set('off');
  const answer = (await stranger().call('enterRoom', { params })).body;
  expect([answer.room.roomId, answer.plays]).toEqual([Number(roomId), undefined]);
});

test('every operation of the catalogue was answered with success', () => {
  const names = Object.keys(catalogOperations);
  expect([...TestClient.exercised].filter((name) => names.includes(name)).sort()).toEqual(names.sort());
});
