import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeHost, publish, startTestRooms, type TestRooms } from './testing.ts';

let world: TestRooms;
const author = { by: '0', reason: 'a test' };
const names = (en: string, zh: string) => ({ en, zh });

beforeAll(async () => {
  world = await startTestRooms();
  await world.areas.put('games', names('Games', '游戏'), author);
  await world.areas.put('music', names('Music', '音乐'), author);
});
afterAll(() => world[Symbol.asyncDispose]());

test('areas are made, named anew and ordered', async () => {
  const { areas } = world;
  await areas.put('games', names('Play', '游戏'), author);
  await areas.order(['music'], author);
  expect(areas.list().map(({ areaId, names: { en } }) => [areaId, en])).toEqual([
    ['music', 'Music'],
    ['games', 'Play'],
  ]);
  await expect(areas.order(['nowhere'], author)).rejects.toMatchObject({ code: 'AREA_UNKNOWN' });
  await expect(areas.order(['music', 'music'], author)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  await expect(areas.put('No Slug', names('x', 'y'), author)).rejects.toMatchObject({
    code: 'INVALID_REQUEST',
  });
});

test('a host chooses one, his room on air follows at once, and the live list of the area has it', async () => {
  const { hosts, rooms, liveList, ongoing } = world;
  const { hostId, streamKey } = await makeHost(world);
  const room = await publish(world, streamKey);
  expect(room.areaId).toBe('');
  await hosts.update(hostId, { areaId: 'music' });
  expect((await rooms.get(room.roomId)).areaId).toBe('music');
  expect(ongoing.publicCountOf('music')).toBe(1);
  const list = async (areaId: string) => {
    const page = await liveList.list({ limit: 10, cursor: '', areaId });
    return [page.total, page.rooms.map(({ roomId }) => roomId)];
  };
  expect(await list('music')).toEqual([1, [room.roomId]]);
  expect(await list('games')).toEqual([0, []]);
  await rooms.end(room.roomId, '');
  expect(ongoing.publicCountOf('music')).toBe(0);
  expect((await publish(world, streamKey)).areaId).toBe('music');
});

test('a full refresh reads the areas as the changes told them', async () => {
  const { hosts, ongoing } = world;
  const { hostId, streamKey } = await makeHost(world);
  await hosts.update(hostId, { areaId: 'games' });
  const { roomId } = await publish(world, streamKey);
  await ongoing.refresh();
  expect(ongoing.get(roomId)?.areaId).toBe('games');
});

test('what is retired or was never there cannot be chosen; who has it keeps it', async () => {
  const { areas, hosts } = world;
  const { hostId } = await makeHost(world);
  await areas.put('news', names('News', '新闻'), author);
  await hosts.update(hostId, { areaId: 'news' });
  await areas.retire('news', author);
  for (const areaId of ['news', 'nowhere'])
    await expect(hosts.update(hostId, { areaId })).rejects.toMatchObject({ code: 'AREA_UNKNOWN' });
  expect((await hosts.get(hostId)).areaId).toBe('news');
  await hosts.update(hostId, { areaId: '' });
  expect((await hosts.get(hostId)).areaId).toBe('');
});

test('there are no more areas than there may be', async () => {
  const { areas } = world;
  const made = [];
  for (let number = 0; areas.list().length < 100; number++) {
    made.push(`area-${number}`);
    await areas.put(`area-${number}`, names('x', 'y'), author);
  }
  await expect(areas.put('more', names('x', 'y'), author)).rejects.toMatchObject({ code: 'TOO_MANY_AREAS' });
  await areas.put(made[0], names('again', '再'), author);
});
