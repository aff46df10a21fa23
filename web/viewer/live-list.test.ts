import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createRoomClient } from '@gala/sdk/room';
import { listLive, pagesMax } from './live-list.ts';

let server: Server;
let asked: string[];
let pagesThere: number;

beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => {
    const cursor = Number(new URL(request.url ?? '/', 'http://x').searchParams.get('cursor') ?? 0);
    asked.push(String(cursor));
    // Neighbouring pages share a room: it moved between the two readings.
    const rooms = [{ roomId: cursor + 1 }, { roomId: cursor + 2 }];
    const next = cursor + 1 < pagesThere ? { nextCursor: String(cursor + 1) } : {};
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ rooms, total: 99, ...next }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const list = (pages: number) => {
  const { port } = server.address() as AddressInfo;
  return listLive(createRoomClient({ baseUrl: `http://127.0.0.1:${port}` }), { pages, areaId: '' }, {});
};

test('one page is one call', async () => {
  pagesThere = 5;
  expect(await list(1)).toEqual({ rooms: [{ roomId: 1 }, { roomId: 2 }], total: 99, hasMore: true });
  expect(asked).toEqual(['0']);
});

test('pages are joined, a room that moved appears once, and the end is known', async () => {
  pagesThere = 3;
  const { rooms, hasMore } = await list(8);
  expect(rooms.map(({ roomId }) => roomId)).toEqual([1, 2, 3, 4]);
  expect(hasMore).toBe(false);
});

test('more pages than the bound are never read', async () => {
  pagesThere = 100;
  await list(pagesMax + 5);
  expect(asked).toHaveLength(pagesMax);
});
