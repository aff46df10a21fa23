import { MemoryCoord } from '@gala/lib/rpc/testing';
import { expect, test } from 'vitest';
import { parseMediaPlaylist } from '../../../../media/hls/parsed-playlist.ts';
import { ask, mediaPath, publish } from '../../../../test/harness/edge-room.ts';
import { startTestEdge, TestRooms, type TestEdge } from '../testing-edge.ts';

/** Edges that listen on one port, as far as they know. */
async function startSiblings() {
  const coord = new MemoryCoord();
  const rooms = new TestRooms();
  const stack = new AsyncDisposableStack();
  const env = { GALA_EDGE_PROCESSES: '2' };
  const start = async (edgeId: string) => stack.use(await startTestEdge({ coord, rooms, edgeId, env }));
  const edges = [await start('media-1'), await start('media-2')];
  return { edges, rooms, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const outputsOf = (edges: readonly TestEdge[]) =>
  Promise.all(edges.map((edge) => edge.metric('gala_edge_hls_outputs')));

test('of edges on one port one cuts a room, whichever is asked, and each part and playlist comes through any', async () => {
  await using siblings = await startSiblings();
  const { edges, rooms } = siblings;
  await using host = await publish(edges[0]);
  const path = mediaPath(edges[0]);
  const first = ask(edges[0], path);
  await expect.poll(async () => (await outputsOf(edges)).includes(1)).toBe(true);
  host.send(10_000);
  await first;
  const listed = async () => parseMediaPlaylist(await (await ask(edges[1], path)).text()).segments.length;
  await expect.poll(listed).toBeGreaterThan(2);
  const texts = await Promise.all(edges.map(async (edge) => (await ask(edge, path)).text()));
  expect(texts[1]).toBe(texts[0]);
  const { segments } = parseMediaPlaylist(texts[0]);
  const [{ uri = '' }] = segments;
  const bytes = await Promise.all(
    edges.map(async (edge) => Buffer.from(await (await ask(edge, `${rooms.roomId}/${uri}`)).arrayBuffer())),
  );
  expect(bytes[0].length).toBeGreaterThan(0);
  expect(bytes[1]).toEqual(bytes[0]);
  expect((await outputsOf(edges)).toSorted((a, b) => a - b)).toEqual([0, 1]);
  const unknown = await Promise.all(edges.map(async (edge) => (await ask(edge, '@nobody.m3u8')).status));
  expect(unknown).toEqual([404, 404]);
});

test('the internal door of HLS asks for the cluster token', async () => {
  await using siblings = await startSiblings();
  const [edge] = siblings.edges;
  const url = `http://127.0.0.1:${edge.internalPort}/hls/live/${siblings.rooms.roomId}.m3u8`;
  expect((await fetch(url)).status).toBe(401);
});
