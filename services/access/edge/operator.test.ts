import { EdgeService } from '@gala/protocol/edge';
import { once } from 'node:events';
import { MemoryCoord } from '@gala/lib/rpc/testing';
import { connectRtmp } from '@gala/media-io/rtmp';
import { expect, test } from 'vitest';
import { publish, startTestEdge, TestRooms, type TestEdge } from './testing-edge.ts';

const operator = (edge: TestEdge) => edge.rpc.client(EdgeService);
const roomId = (edge: TestEdge) => BigInt(edge.rooms.roomId);

/** An HTTP-FLV viewer; `ended` resolves with the bytes that it got. */
async function watch(edge: TestEdge, query = '') {
  const answer = await fetch(`http://127.0.0.1:${edge.port}/live/${edge.rooms.roomId}.flv${query}`);
  return { ended: answer.arrayBuffer().then(({ byteLength }) => byteLength) };
}

test('a stream is listed with its publisher, what it measures and its viewers by class', async () => {
  await using edge = await startTestEdge();
  await using _ = await publish(edge);
  const viewers = [await watch(edge), await watch(edge, '?latency=realtime')];
  const rtt = async () => (await operator(edge).listStreams({ limit: 1 })).streams[0].publisher?.rttMs;
  await expect.poll(rtt).toBeTypeOf('number');
  const listed = await operator(edge).listStreams({ limit: 10 });
  expect(listed.owned).toBe(1);
  const [stream] = listed.streams;
  expect(stream).toMatchObject({
    roomId: roomId(edge),
    hostName: 'Anna',
    state: 'live',
    epoch: 1n,
    owner: true,
    private: false,
    publisher: { address: '127.0.0.1' },
    viewers: 2,
    classes: [
      { latency: 'realtime', framings: [{ framing: 'flv', viewers: 1 }] },
      { latency: 'low', framings: [{ framing: 'flv', viewers: 1 }], viewersEvicted: 0 },
    ],
  });
  expect(Number(stream.beganAtMs)).toBeGreaterThan(Date.now() - 60_000);
  expect(stream.media?.bytesIn).toBeGreaterThan(0);
  expect(stream.media?.bytesOut).toBe(stream.classes.reduce((sum, { bytesOut }) => sum + bytesOut, 0));
  const { edge: whole } = await operator(edge).getEdge({});
  expect(whole).toMatchObject({ streams: 1, viewers: 2, draining: false });
  // What the admin listener shows is the same.
  const shown = await (await fetch(`http://127.0.0.1:${edge.adminPort}/streams`)).json();
  expect(shown).toMatchObject({
    streams: [{ hostName: 'Anna', viewers: 2, publisher: { address: '127.0.0.1' } }],
  });
  await operator(edge).kickPublisher({ roomId: roomId(edge), reason: 'test' });
  expect(viewers).toHaveLength(2);
});

test('viewers are listed page by page, and one is closed while the others go on', async () => {
  await using edge = await startTestEdge();
  await using _ = await publish(edge);
  const first = await watch(edge);
  await watch(edge);
  const page = async (viewersOffset: number, viewersLimit: number) =>
    (await operator(edge).getStream({ roomId: roomId(edge), viewersOffset, viewersLimit })).viewers;
  const [one, two] = await page(0, 10);
  expect(one).toMatchObject({ address: '127.0.0.1', framing: 'flv', latency: 'low', slow: false });
  expect(await page(1, 10)).toEqual([two]);
  expect(await page(0, 1)).toEqual([one]);
  const kick = () =>
    operator(edge).kickViewer({ roomId: roomId(edge), viewerId: one.viewerId, reason: 'spam' });
  expect(await kick()).toMatchObject({ kicked: true });
  expect(await first.ended).toBeGreaterThan(0);
  await expect.poll(() => edge.metric('gala_edge_viewers')).toBe(1);
  expect(await kick()).toMatchObject({ kicked: false });
  expect(await page(0, 10)).toEqual([two]);
  expect(await edge.metric('gala_edge_viewers_kicked_total')).toBe(1);
});

test('a viewer of every protocol that keeps a connection is closed in its manner', async () => {
  await using edge = await startTestEdge();
  await using _ = await publish(edge);
  const path = `/live/${edge.rooms.roomId}.flv`;
  const flv = await watch(edge);
  const socket = new WebSocket(`ws://127.0.0.1:${edge.port}${path}`);
  const closed = once(socket, 'close') as Promise<[CloseEvent]>;
  await once(socket, 'open');
  const codes: string[] = [];
  const onStatus = ({ code }: { code: string }): void => void codes.push(code);
  const ended = Promise.withResolvers<void>();
  const onClose = (): void => ended.resolve();
  await using rtmp = await connectRtmp(edge.rtmpUrl, {
    streamKey: `${edge.rooms.roomId}`,
    onStatus,
    onClose,
  });
  await rtmp.play(() => undefined);
  const request = { roomId: roomId(edge), viewersLimit: 10 };
  const listed = async () => (await operator(edge).getStream(request)).viewers;
  await expect.poll(async () => (await listed()).length).toBe(3);
  for (const { viewerId } of await listed())
    await operator(edge).kickViewer({ roomId: roomId(edge), viewerId, reason: 'spam' });
  expect(await flv.ended).toBeGreaterThan(0);
  expect((await closed)[0].code).toBe(1000);
  await ended.promise;
  expect(codes).toContain('NetStream.Play.UnpublishNotify');
  await expect.poll(() => edge.metric('gala_edge_viewers')).toBe(0);
});

test('a kicked publisher is told, its room is held, and it may come again', async () => {
  await using edge = await startTestEdge();
  const host = await publish(edge);
  await expect.poll(() => edge.rooms.events).toEqual(['STARTED']);
  const kick = () => operator(edge).kickPublisher({ roomId: roomId(edge), reason: 'off topic' });
  expect(await kick()).toMatchObject({ kicked: true });
  await host.ended;
  expect(host.codes).toContain('NetStream.Publish.BadName');
  await expect.poll(() => edge.rooms.events).toEqual(['STARTED', 'HELD']);
  expect(edge.rooms.reports[1].reason).toBe('kicked');
  expect(await kick()).toMatchObject({ kicked: false });
  const [held] = (await operator(edge).listStreams({ limit: 1 })).streams;
  expect([held.state, held.publisher]).toEqual(['hold', undefined]);
  await using _ = await publish(edge);
  await expect.poll(() => edge.rooms.events).toEqual(['STARTED', 'HELD', 'STARTED']);
  expect(edge.logLines.some((line) => line.includes('off topic'))).toBe(true);
});

test('an edge is drained when another can take what it carries, and goes on alone', async () => {
  const coord = new MemoryCoord();
  const rooms = new TestRooms();
  await using edge = await startTestEdge({ coord, rooms, edgeId: 'media-1' });
  await using host = await publish(edge);
  const drain = () => operator(edge).drain({ reason: 'new kernel' }, { member: 'media-1' });
  await expect(drain()).rejects.toMatchObject({ code: 'EDGE_ALONE' });
  await using _ = await startTestEdge({ coord, rooms, edgeId: 'media-2' });
  await expect.poll(() => drain().then(() => 'begun', String)).toBe('begun');
  await drain();
  const isDraining = async () => (await operator(edge).getEdge({}, { member: 'media-1' })).edge?.draining;
  expect(await isDraining()).toBe(true);
  await host.ended;
  expect(edge.logLines.filter((line) => line.includes('new kernel')).length).toBeGreaterThan(0);
});

test('what is not here is unknown, and pages have bounds', async () => {
  await using edge = await startTestEdge();
  const client = operator(edge);
  for (const call of [
    client.getStream({ roomId: 9n }),
    client.kickViewer({ roomId: 9n, viewerId: 1n }),
    client.kickPublisher({ roomId: 9n }),
  ])
    await expect(call).rejects.toMatchObject({ code: 'STREAM_UNKNOWN' });
  for (const limit of [0, 1001])
    await expect(client.listStreams({ limit })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
});
