import { MemoryCoord } from '@gala/lib/rpc/testing';
import { test } from 'vitest';
import { publish, startTestEdge, TestRooms, type TestEdge } from '../testing-edge.ts';
import { bodies, LiveFlv } from '../testing.ts';

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

test.concurrent('a viewer of another edge gets set-up, picture and sound with the times of the owner', async ({
  expect,
}) => {
  await using pair = await startPair();
  await using host = await publish(pair.owner);
  using here = await LiveFlv.open(pair.owner.port);
  using there = await LiveFlv.open(pair.other.port);
  host.client.sendVideo(4_000, bodies.keyFrame(7));
  await here.sees(bodies.keyFrame(7));
  await there.sees(bodies.keyFrame(7));
  const described = ({ tags }: LiveFlv) =>
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
  const viewers = await Promise.all(Array.from({ length: 1000 }, () => LiveFlv.open(pair.other.port)));
  await Promise.all(viewers.map((viewer) => viewer.sees(bodies.keyFrame())));
  expect(await pair.owner.metric('gala_edge_relay_feeds_total')).toBe(1);
  expect(await pair.other.metric('gala_edge_relay_pulls_total')).toBe(1);
  for (const viewer of viewers) viewer[Symbol.dispose]();
});

test.concurrent('what no edge has is unknown, by id and by name, and is not pulled', async ({ expect }) => {
  await using pair = await startPair();
  const paths = ['@anna.flv', '@nobody.flv', `${pair.rooms.roomId}.flv`, '99.flv'];
  const statuses = paths.map(async (path) => (await LiveFlv.open(pair.other.port, path)).status);
  expect(await Promise.all(statuses)).toEqual([404, 404, 404, 404]);
  // The record of an edge that was killed stays.
  const owner = { roomId: pair.rooms.roomId, epoch: 1, edgeId: 'media-killed' };
  await pair.coord.cas('edge/owner/1', 0, owner);
  await expect.poll(() => pair.coord.get('edge/owner/1')).toMatchObject({ value: owner });
  expect((await LiveFlv.open(pair.other.port)).status).toBe(404);
  expect(await pair.other.metric('gala_edge_relay_pulls_total')).toBe(0);
});

test.concurrent('the internal door asks for the cluster token and gives no copies of copies', async ({
  expect,
}) => {
  await using pair = await startPair();
  await using _ = await publish(pair.owner);
  using there = await LiveFlv.open(pair.other.port);
  await there.sees(bodies.keyFrame());
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
  using there = await LiveFlv.open(pair.other.port);
  await there.sees(bodies.keyFrame());
  await using second = await publish(pair.owner);
  second.client.sendVideo(40, bodies.keyFrame(9));
  await there.sees(bodies.keyFrame(9));
  await expect
    .poll(() => pair.rooms.carried.get('media-2')?.map(({ epoch, relayed }) => [epoch, relayed]), {
      timeout: 5_000,
    })
    .toEqual([[2n, true]]);
  expect(there.isEnded).toBe(false);
  expect(await pair.other.metric('gala_edge_relay_pulls_total')).toBe(1);
});

test.concurrent('the publisher comes to the relaying edge: it takes over in place, and the owner relays', async ({
  expect,
}) => {
  await using pair = await startPair();
  await using first = await publish(pair.owner);
  using here = await LiveFlv.open(pair.owner.port);
  using there = await LiveFlv.open(pair.other.port);
  await there.sees(bodies.keyFrame());
  await using second = await publish(pair.other);
  second.client.sendVideo(40, bodies.keyFrame(5));
  await there.sees(bodies.keyFrame(5));
  await here.sees(bodies.keyFrame(5));
  expect(await first.ended).not.toBe('closed by us');
  expect(first.codes).toContain('NetStream.Publish.BadName');
  second.client.sendVideo(80, bodies.keyFrame(6));
  await Promise.all([here.sees(bodies.keyFrame(6)), there.sees(bodies.keyFrame(6))]);
  expect([here.isEnded, there.isEnded]).toEqual([false, false]);
  expect(pair.rooms.events.at(-1)).toBe('STARTED');
  for (const viewer of [here, there]) expect(viewer.backwardSteps).toBe(0);
  expect(await pair.other.metric('gala_edge_relay_taken_over_total')).toBe(1);
  expect(await pair.owner.metric('gala_edge_relay_adopted_total')).toBe(1);
});

test.concurrent('the owner is gone: viewers see the hold, and picture when the publisher is at a third edge', async ({
  expect,
}) => {
  await using pair = await startPair();
  await using host = await publish(pair.owner);
  using there = await LiveFlv.open(pair.other.port);
  await there.sees(bodies.keyFrame());
  // A close is an end to the owner's viewers and a hold to those of others, whose publisher may be back elsewhere.
  const third = await pair.start('media-3');
  await pair.owner[Symbol.asyncDispose]();
  await host.ended;
  const shown = there.tags.length;
  await expect.poll(() => there.tags.length).toBeGreaterThan(shown + 2);
  await using back = await publish(third);
  back.client.sendVideo(40, bodies.keyFrame(3));
  await there.sees(bodies.keyFrame(3));
  expect(there.isEnded).toBe(false);
  expect(there.backwardSteps).toBe(0);
  expect(await pair.other.metric('gala_edge_relay_reconnects_total')).toBe(1);
});

test.concurrent('a stream that has ended at its owner ends for all, and one that nobody watches is let go', async ({
  expect,
}) => {
  await using pair = await startPair({ GALA_RELAY_IDLE_MS: '1000' });
  await using _ = await publish(pair.owner);
  const there = await LiveFlv.open(pair.other.port);
  await there.sees(bodies.keyFrame());
  there[Symbol.dispose]();
  await expect.poll(() => pair.other.metric('gala_edge_relays')).toBe(0);
  await expect.poll(() => pair.owner.metric('gala_edge_relay_feeds_open')).toBe(0);
  using again = await LiveFlv.open(pair.other.port);
  await again.sees(bodies.keyFrame());
  pair.rooms.stopRoomIds = [pair.rooms.roomId];
  await expect.poll(() => again.isEnded).toBe(true);
  await expect.poll(() => pair.other.metric('gala_edge_relays')).toBe(0);
});

test.concurrent('without the records a relay goes on, and a new one is not available', async ({ expect }) => {
  await using pair = await startPair();
  await using host = await publish(pair.owner);
  using there = await LiveFlv.open(pair.other.port);
  await there.sees(bodies.keyFrame());
  const third = await pair.start('media-3');
  pair.coord.isReachable = false;
  expect((await LiveFlv.open(third.port, `${pair.rooms.roomId}.flv`)).status).toBe(503);
  host.client.sendVideo(400, bodies.keyFrame(8));
  await there.sees(bodies.keyFrame(8));
  pair.coord.isReachable = true;
  using late = await LiveFlv.open(third.port, `${pair.rooms.roomId}.flv?latency=realtime`);
  await late.sees(bodies.keyFrame(8));
});

test.concurrent('one trace has the publish, the pull and the joins of viewers at both edges', async ({
  expect,
}) => {
  await using pair = await startPair();
  await using _ = await publish(pair.owner);
  using here = await LiveFlv.open(pair.owner.port);
  using there = await LiveFlv.open(pair.other.port);
  await Promise.all([here.sees(bodies.keyFrame()), there.sees(bodies.keyFrame())]);
  const root = pair.owner.tracer.recent(100).find(({ name }) => name === 'publish')!;
  const ofOwner = pair.owner.tracer.trace(root.traceId).map(({ name }) => name);
  const ofOther = pair.other.tracer.trace(root.traceId);
  expect(new Set(ofOwner)).toEqual(new Set(['publish', 'first.picture', 'viewer.join']));
  const [pull, join] = ['relay.pull', 'viewer.join'].map((name) =>
    ofOther.find((span) => span.name === name),
  );
  expect([pull?.parentId, join?.parentId]).toEqual([root.spanId, pull?.spanId]);
});

test.concurrent('script data under names of ours does not pass from a publisher', async ({ expect }) => {
  await using pair = await startPair();
  await using host = await publish(pair.owner);
  using there = await LiveFlv.open(pair.other.port);
  await there.sees(bodies.keyFrame());
  const script = (name: string) => Buffer.concat([Buffer.from([2, 0, name.length]), Buffer.from(name)]);
  host.client.sendMetadata(10, script('onGalaMove'));
  host.client.sendMetadata(10, script('onGalaEnd'));
  host.client.sendMetadata(10, script('onText'));
  await there.sees(script('onText'));
  expect(there.has(script('onGalaMove'))).toBe(false);
  expect(there.isEnded).toBe(false);
});
