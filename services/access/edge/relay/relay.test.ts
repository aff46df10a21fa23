import { get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { waitUntil } from '@gala/lib/lifecycle';
import { MemoryCoord } from '@gala/lib/rpc/testing';
import { test } from 'vitest';
import { publish, startTestEdge, TestRooms, type TestEdge } from '../testing-edge.ts';
import { bodies, FlvReading } from '../testing.ts';

/** Two edges of one installation; hosts and rooms are the same for both. */
async function startPair(env: Record<string, string> = {}) {
  const coord = new MemoryCoord();
  const rooms = new TestRooms();
  const stack = new AsyncDisposableStack();
  const start = async (edgeId: string) => stack.use(await startTestEdge({ coord, rooms, edgeId, env }));
  const owner = await start('media-1');
  const other = await start('media-2');
  return { coord, rooms, owner, other, start, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** An HTTP-FLV viewer; `tags` are all that it has got so far. */
async function watch(edge: TestEdge, path = '@anna.flv?latency=realtime') {
  const request = get({ port: edge.port, path: `/live/${path}`, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const reading = new FlvReading();
  const viewer = { status: response.statusCode, tags: [] as ReturnType<FlvReading['read']>, isEnded: false };
  response.on('data', (bytes: Buffer) => {
    if (viewer.status === 200) viewer.tags.push(...reading.read(bytes));
  });
  response.on('error', () => undefined);
  response.on('close', () => (viewer.isEnded = true));
  return Object.assign(viewer, { [Symbol.dispose]: () => void request.destroy() });
}

type Watching = Awaited<ReturnType<typeof watch>>;

const has = (viewer: Watching, payload: Buffer): boolean =>
  viewer.tags.some((tag) => tag.payload.equals(payload));
const sees = (viewer: Watching, payload: Buffer) =>
  waitUntil(() => has(viewer, payload), { timeoutMs: 8_000, what: payload.toString('hex') });

test.concurrent('a viewer of another edge gets set-up, picture and sound with the times of the owner', async ({
  expect,
}) => {
  await using pair = await startPair();
  await using host = await publish(pair.owner);
  using here = await watch(pair.owner);
  using there = await watch(pair.other);
  host.client.sendVideo(4_000, bodies.keyFrame(7));
  await sees(here, bodies.keyFrame(7));
  await sees(there, bodies.keyFrame(7));
  const described = ({ tags }: Watching) =>
    tags.map(({ type, timestampMs, payload }) => `${type} ${timestampMs} ${payload.toString('hex')}`);
  expect(described(there)).toEqual(described(here));
  expect(await pair.other.metric('gala_edge_relays')).toBe(1);
  expect(await pair.owner.metric('gala_edge_relay_feeds_open')).toBe(1);
});

test.concurrent('a thousand viewers who wait for a stream are one connection to its owner', async ({
  expect,
}) => {
  await using pair = await startPair();
  await using _ = await publish(pair.owner);
  const viewers = await Promise.all(Array.from({ length: 1000 }, () => watch(pair.other)));
  await Promise.all(viewers.map((viewer) => sees(viewer, bodies.keyFrame())));
  expect(await pair.owner.metric('gala_edge_relay_feeds_total')).toBe(1);
  expect(await pair.other.metric('gala_edge_relay_pulls_total')).toBe(1);
  for (const viewer of viewers) viewer[Symbol.dispose]();
}, 30_000);

test.concurrent('what no edge has is unknown, by id and by name, and is not pulled', async ({ expect }) => {
  await using pair = await startPair();
  const paths = ['@anna.flv', '@nobody.flv', `${pair.rooms.roomId}.flv`, '99.flv'];
  const statuses = paths.map(async (path) => (await watch(pair.other, path)).status);
  expect(await Promise.all(statuses)).toEqual([404, 404, 404, 404]);
  await using host = await publish(pair.owner);
  await host.client[Symbol.asyncDispose]();
  expect(await pair.other.metric('gala_edge_relay_pulls_total')).toBe(0);
});

test.concurrent('the internal door asks for the cluster token and gives no copies of copies', async ({
  expect,
}) => {
  await using pair = await startPair();
  await using _ = await publish(pair.owner);
  using there = await watch(pair.other);
  await sees(there, bodies.keyFrame());
  const ask = async (edge: TestEdge, token: string) => {
    const url = `http://127.0.0.1:${edge.internalPort}/relay/${pair.rooms.roomId}.flv`;
    const abort = new AbortController();
    const { status } = await fetch(url, {
      headers: { authorization: `Bearer ${token}` },
      signal: abort.signal,
    });
    abort.abort();
    return status;
  };
  expect(await ask(pair.owner, 'guessed')).toBe(401);
  expect(await ask(pair.owner, '')).toBe(401);
  expect(await ask(pair.owner, 'cluster-token-of-tests')).toBe(200);
  expect(await ask(pair.other, 'cluster-token-of-tests')).toBe(404);
});

test.concurrent('a newer publisher at the owner is one at the relay, with its epoch', async ({ expect }) => {
  await using pair = await startPair();
  await using _ = await publish(pair.owner);
  using there = await watch(pair.other);
  await sees(there, bodies.keyFrame());
  await using second = await publish(pair.owner);
  second.client.sendVideo(40, bodies.keyFrame(9));
  await sees(there, bodies.keyFrame(9));
  await expect
    .poll(() => pair.rooms.carried.get('media-2')?.map(({ epoch, relayed }) => [epoch, relayed]))
    .toEqual([[2n, true]]);
  expect(there.isEnded).toBe(false);
  expect(await pair.other.metric('gala_edge_relay_pulls_total')).toBe(1);
});

test.concurrent('the publisher comes to the relaying edge: it takes over in place, and the owner relays', async ({
  expect,
}) => {
  await using pair = await startPair();
  await using first = await publish(pair.owner);
  using here = await watch(pair.owner);
  using there = await watch(pair.other);
  await sees(there, bodies.keyFrame());
  await using second = await publish(pair.other);
  second.client.sendVideo(40, bodies.keyFrame(5));
  await sees(there, bodies.keyFrame(5));
  await sees(here, bodies.keyFrame(5));
  expect(await first.ended).not.toBe('closed by us');
  expect(first.codes).toContain('NetStream.Publish.BadName');
  second.client.sendVideo(80, bodies.keyFrame(6));
  await Promise.all([sees(here, bodies.keyFrame(6)), sees(there, bodies.keyFrame(6))]);
  expect([here.isEnded, there.isEnded]).toEqual([false, false]);
  expect(pair.rooms.events.at(-1)).toBe('STARTED');
  for (const viewer of [here, there]) expect(backwardSteps(viewer)).toBe(0);
  expect(await pair.other.metric('gala_edge_relay_taken_over_total')).toBe(1);
  expect(await pair.owner.metric('gala_edge_relay_adopted_total')).toBe(1);
});

test.concurrent('the owner is gone: viewers see the hold, and picture when the publisher is at a third edge', async ({
  expect,
}) => {
  await using pair = await startPair();
  await using host = await publish(pair.owner);
  using there = await watch(pair.other);
  await sees(there, bodies.keyFrame());
  // A close is an end to the owner's viewers and a hold to those of others, whose publisher may be back elsewhere.
  const third = await pair.start('media-3');
  await pair.owner[Symbol.asyncDispose]();
  await host.ended;
  const shown = there.tags.length;
  await expect.poll(() => there.tags.length, { timeout: 5_000 }).toBeGreaterThan(shown + 2);
  await using back = await publish(third);
  back.client.sendVideo(40, bodies.keyFrame(3));
  await sees(there, bodies.keyFrame(3));
  expect(there.isEnded).toBe(false);
  expect(backwardSteps(there)).toBe(0);
  expect(await pair.other.metric('gala_edge_relay_reconnects_total')).toBe(1);
});

test.concurrent('a stream that has ended at its owner ends for all, and one that nobody watches is let go', async ({
  expect,
}) => {
  await using pair = await startPair({ GALA_RELAY_IDLE_MS: '1000' });
  await using _ = await publish(pair.owner);
  const there = await watch(pair.other);
  await sees(there, bodies.keyFrame());
  there[Symbol.dispose]();
  await expect.poll(() => pair.other.metric('gala_edge_relays'), { timeout: 5_000 }).toBe(0);
  await expect.poll(() => pair.owner.metric('gala_edge_relay_feeds_open')).toBe(0);
  using again = await watch(pair.other);
  await sees(again, bodies.keyFrame());
  pair.rooms.stopRoomIds = [pair.rooms.roomId];
  await expect.poll(() => again.isEnded, { timeout: 5_000 }).toBe(true);
  await expect.poll(() => pair.other.metric('gala_edge_relays')).toBe(0);
});

test.concurrent('without the records a relay goes on, and a new one is not available', async ({ expect }) => {
  await using pair = await startPair();
  await using host = await publish(pair.owner);
  using there = await watch(pair.other);
  await sees(there, bodies.keyFrame());
  pair.coord.isReachable = false;
  const third = await pair.start('media-3');
  expect((await watch(third, `${pair.rooms.roomId}.flv`)).status).toBe(503);
  host.client.sendVideo(400, bodies.keyFrame(8));
  await sees(there, bodies.keyFrame(8));
  pair.coord.isReachable = true;
  using late = await watch(third, `${pair.rooms.roomId}.flv?latency=realtime`);
  await sees(late, bodies.keyFrame(8));
});

test.concurrent('one trace has the publish, the pull and the joins of viewers at both edges', async ({
  expect,
}) => {
  await using pair = await startPair();
  await using _ = await publish(pair.owner);
  using here = await watch(pair.owner);
  using there = await watch(pair.other);
  await Promise.all([sees(here, bodies.keyFrame()), sees(there, bodies.keyFrame())]);
  const root = pair.owner.tracer.recent(100).find(({ name }) => name === 'publish')!;
  const ofOwner = pair.owner.tracer.trace(root.traceId).map(({ name }) => name);
  const ofOther = pair.other.tracer.trace(root.traceId);
  expect(ofOwner).toEqual(['publish', 'viewer.join']);
  const [pull, join] = ['relay.pull', 'viewer.join'].map((name) =>
    ofOther.find((span) => span.name === name),
  );
  expect([pull?.parentId, join?.parentId]).toEqual([root.spanId, pull?.spanId]);
});

test.concurrent('script data under names of ours does not pass from a publisher', async ({ expect }) => {
  await using pair = await startPair();
  await using host = await publish(pair.owner);
  using there = await watch(pair.other);
  await sees(there, bodies.keyFrame());
  const script = (name: string) => Buffer.concat([Buffer.from([2, 0, name.length]), Buffer.from(name)]);
  host.client.sendMetadata(10, script('onGalaMove'));
  host.client.sendMetadata(10, script('onGalaEnd'));
  host.client.sendMetadata(10, script('onText'));
  await sees(there, script('onText'));
  expect(has(there, script('onGalaMove'))).toBe(false);
  expect(there.isEnded).toBe(false);
});

function backwardSteps({ tags }: Watching): number {
  const last = new Map<string, number>();
  let steps = 0;
  for (const { type, timestampMs } of tags) {
    if (timestampMs < (last.get(type) ?? 0)) steps++;
    last.set(type, timestampMs);
  }
  return steps;
}
