import { decodeAmf0 } from '@gala/media/amf';
import { MemoryCoord } from '@gala/lib/rpc/testing';
import { test } from 'vitest';
import { publish, startTestEdge, TestRooms } from './testing-edge.ts';
import { bodies, LiveFlv } from './testing.ts';

async function startPair(publicUrl?: string) {
  const coord = new MemoryCoord();
  const rooms = new TestRooms();
  const stack = new AsyncDisposableStack();
  const first = stack.use(await startTestEdge({ coord, rooms, edgeId: 'media-1' }));
  const env: Record<string, string> = publicUrl === undefined ? {} : { GALA_EDGE_PUBLIC_URL: publicUrl };
  const second = stack.use(await startTestEdge({ coord, rooms, edgeId: 'media-2', env }));
  return { rooms, first, second, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const moveOf = (viewer: LiveFlv): unknown => {
  const scripts = viewer.tags.filter(({ type }) => type === 'data').map(({ payload }) => decodeAmf0(payload));
  return scripts.find(([name]) => name === 'onGalaMove')?.[1];
};

test.concurrent('players are sent to the other edge and go on there; then the publisher is closed', async ({
  expect,
}) => {
  await using pair = await startPair('https://live-2.example');
  await using host = await publish(pair.first);
  using viewer = await LiveFlv.open(pair.first.port);
  await viewer.sees(bodies.keyFrame());
  const drained = pair.first[Symbol.asyncDispose]();
  await expect.poll(() => moveOf(viewer)).toEqual({ reason: 'edge_closes', url: 'https://live-2.example' });
  // The stream goes on while players change over, and the other edge relays it from here.
  expect(viewer.isEnded).toBe(false);
  using moved = await LiveFlv.open(pair.second.port);
  await moved.sees(bodies.keyFrame());
  host.client.sendVideo(40, bodies.keyFrame(2));
  await moved.sees(bodies.keyFrame(2));
  expect((await LiveFlv.open(pair.first.port)).status).toBe(503);
  viewer[Symbol.dispose]();
  await drained;
  await host.ended;
  await using back = await publish(pair.second);
  back.client.sendVideo(40, bodies.keyFrame(3));
  await moved.sees(bodies.keyFrame(3));
  expect(moved.isEnded).toBe(false);
});

test.concurrent('who does not move gets the end of the stream after the bound', async ({ expect }) => {
  await using pair = await startPair();
  await using _ = await publish(pair.first);
  using viewer = await LiveFlv.open(pair.first.port);
  await viewer.sees(bodies.keyFrame());
  await pair.first[Symbol.asyncDispose]();
  await expect.poll(() => viewer.isEnded).toBe(true);
  // No address is configured: players keep the one that they have.
  expect(moveOf(viewer)).toEqual({ reason: 'edge_closes' });
});

test.concurrent('with a single edge nobody is sent anywhere', async ({ expect }) => {
  const edge = await startTestEdge();
  await using _ = await publish(edge);
  using viewer = await LiveFlv.open(edge.port);
  await viewer.sees(bodies.keyFrame());
  await edge[Symbol.asyncDispose]();
  await expect.poll(() => viewer.isEnded).toBe(true);
  expect(moveOf(viewer)).toBeUndefined();
});
