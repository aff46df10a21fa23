import fc from 'fast-check';
import { composeRoomId, composeUserId, routeOfRoom } from '@gala/protocol/ids';
import { expect, test } from 'vitest';
import { RoomTable, type OngoingRow } from './room-table.ts';

function rowOf(number: number, change: Partial<OngoingRow> = {}): OngoingRow {
  const roomId = composeRoomId(composeUserId(number % 32, 1 + number), 1 + (number % 7));
  const title = Buffer.from(`show ${number} 夜`);
  const areaId = ['', 'games', 'music'][number % 3];
  const row = {
    roomId,
    version: 1,
    epoch: 1,
    startedAtMs: 1000 + number,
    isHeld: false,
    isPublic: true,
    areaId,
  };
  return { ...row, edgeId: `media-${number % 5}`, title, ...change };
}

test('the table answers as a map would, whatever is put, replaced and removed', () => {
  const step = fc.record({
    number: fc.integer({ min: 0, max: 300 }),
    isRemoval: fc.boolean(),
    version: fc.integer({ min: 1, max: 9 }),
    isPublic: fc.boolean(),
    areaId: fc.constantFrom('', 'games', 'music'),
    title: fc.string({ maxLength: 60 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1500, size: 'max' }), (steps) => {
      const table = new RoomTable(200);
      const model = new Map<number, OngoingRow>();
      for (const { number, isRemoval, version, isPublic, areaId, title } of steps) {
        const row = rowOf(number, { version, isPublic, areaId, title: Buffer.from(title) });
        const slot = table.find(row.roomId);
        if ((slot !== -1) !== model.has(row.roomId)) expect.fail(`room ${row.roomId} is lost or back`);
        if (isRemoval && slot !== -1) table.remove(slot);
        if (isRemoval) model.delete(row.roomId);
        else if (table.put(row, 1)) model.set(row.roomId, row);
        else expect(model.size).toBe(200);
      }
      expect(table.size).toBe(model.size);
      expect(table.publicCount).toBe([...model.values()].filter((row) => row.isPublic).length);
      for (const areaId of ['', 'games', 'music', 'other']) {
        const inArea = [...model.values()].filter((row) => row.isPublic && row.areaId === areaId);
        expect(table.publicCountOf(areaId)).toBe(inArea.length);
      }
      for (const [roomId, row] of model) {
        const { version, edgeId, areaId, startedAtMs } = row;
        const expected = {
          roomId,
          version,
          edgeId,
          areaId,
          startedAtMs,
          title: Buffer.from(row.title).toString(),
        };
        expect(table.get(roomId)).toMatchObject(expected);
      }
      expect(new Set(walk(table))).toEqual(new Set(model.keys()));
    }),
    { numRuns: 20 },
  );
});

function* walk(table: RoomTable, index = 0, of = 1): Generator<number> {
  for (let slot = table.next(-1, index, of); slot !== -1; slot = table.next(slot, index, of))
    yield table.idAt(slot);
}

test('partitions share the rooms out by id alone, each room in one', () => {
  const table = new RoomTable(10_000);
  for (let number = 0; number < 5000; number++) table.put(rowOf(number), 1);
  const seen = Array.from({ length: 7 }, (_, index) => [...walk(table, index, 7)]);
  expect(seen.flat()).toHaveLength(5000);
  for (const [index, ids] of seen.entries()) {
    expect(ids.length).toBeGreaterThan(500);
    expect(ids.every((roomId) => routeOfRoom(roomId) % 7 === index)).toBe(true);
  }
});

test('a walk meets each room that stays exactly once, whatever comes and goes meanwhile', () => {
  const table = new RoomTable(10_000);
  for (let number = 0; number < 2000; number++) table.put(rowOf(number), 1);
  const seen: number[] = [];
  let added = 2000;
  for (let slot = table.next(-1); slot !== -1; slot = table.next(slot)) {
    seen.push(table.idAt(slot));
    const gone = table.find(rowOf(2 * (seen.length % 1000) + 1).roomId);
    if (gone !== -1) table.remove(gone);
    if (added < 6000) table.put(rowOf(2 * added++), 1);
  }
  const times = Map.groupBy(seen, (roomId) => roomId);
  const staying = Array.from({ length: 1000 }, (_, index) => times.get(rowOf(2 * index).roomId)?.length);
  expect(new Set(staying)).toEqual(new Set([1]));
});

test('the ranking has the public rooms by viewers and id, from any place on', () => {
  const table = new RoomTable(10_000);
  const ranked: { viewers: number; roomId: number }[] = [];
  for (let number = 0; number < 3000; number++) {
    const row = rowOf(number, { isPublic: number % 3 !== 0 });
    const viewers = (number * 7919) % 50;
    table.put(row, 1);
    table.setViewers(table.find(row.roomId), viewers);
    if (row.isPublic) ranked.push({ viewers, roomId: row.roomId });
  }
  ranked.sort((a, b) => b.viewers - a.viewers || b.roomId - a.roomId);
  let after = { viewers: 2 ** 31 - 1, roomId: Number.MAX_SAFE_INTEGER };
  const seen = [];
  for (;;) {
    const page = table.ranked(after, 64).map((slot) => table.roomAt(slot));
    seen.push(...page.map(({ viewers, roomId }) => ({ viewers, roomId })));
    if (page.length < 64) break;
    after = page.at(-1)!;
  }
  expect(seen).toEqual(ranked);
});

test('the ranking of an area has its rooms alone', () => {
  const table = new RoomTable(1000);
  for (let number = 0; number < 300; number++) table.put(rowOf(number), 1);
  const first = { viewers: 2 ** 31 - 1, roomId: Number.MAX_SAFE_INTEGER };
  const rooms = table.ranked(first, 200, 'games').map((slot) => table.roomAt(slot));
  expect(rooms.map(({ areaId }) => areaId)).toEqual(Array.from({ length: 100 }, () => 'games'));
  expect(table.ranked(first, 200, 'nowhere')).toEqual([]);
});
