import { systemClock } from '@gala/lib/clock';
import { loadSettings } from '@gala/lib/config';
import { waitUntil } from '@gala/lib/lifecycle';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { Tracer } from '@gala/lib/trace';
import type { Client } from '@gala/lib/rpc';
import { connectRtmp } from '@gala/media-io/rtmp';
import type { RoomService } from '@gala/protocol/room';
import { test } from 'vitest';
import { Admission } from './admission.ts';
import { edgeSection } from './config.ts';
import { EdgeEvents } from './events.ts';
import { Fanout } from './fanout.ts';
import { Ingest } from './ingest.ts';
import type { PublishGate } from './publish-gate.ts';
import { Reports } from './reports.ts';
import { Stream } from './stream.ts';
import { Streams } from './streams.ts';
import { TestPublisher } from './testing.ts';
import { publish, startTestEdge, type TestEdge } from './testing-edge.ts';

/** Enough for a publisher admitted from memory to ask again. */
const reconciled = { timeout: 5000 };

/** An edge whose publisher has left, and whose rooms cannot be reached any more. */
async function heldInOutage(): Promise<TestEdge> {
  const edge = await startTestEdge();
  const host = await publish(edge);
  await host[Symbol.asyncDispose]();
  await waitUntil(() => edge.rooms.events.at(-1) === 'HELD', { timeoutMs: 5000 });
  edge.rooms.isReachable = false;
  return edge;
}

const refusal = (edge: TestEdge, streamKey: string): Promise<string> =>
  publish(edge, { streamKey }).then(
    () => 'accepted',
    (error: { detail: string }) => error.detail,
  );

async function stateOf(edge: TestEdge): Promise<Record<string, unknown> | undefined> {
  const answer = await fetch(`http://127.0.0.1:${edge.adminPort}/streams`);
  return ((await answer.json()) as { streams: Record<string, unknown>[] }).streams[0];
}

test.concurrent('in an outage the key of a held stream is admitted from memory, others are not; then it is confirmed', async ({
  expect,
}) => {
  await using edge = await heldInOutage();
  expect(await refusal(edge, '1.other')).toBe('NetStream.Publish.Failed');
  await using _ = await publish(edge);
  expect(await stateOf(edge)).toMatchObject({ state: 'live', epoch: 1, provisional: true });
  expect(await edge.metric('gala_edge_publishes_from_memory_total')).toBe(1);
  edge.rooms.isReachable = true;
  await expect.poll(() => edge.rooms.reports.at(-1)?.reason, reconciled).toMatch(/confirmed$/);
  expect(edge.rooms.reports.at(-1)).toMatchObject({ event: 'STARTED', epoch: 2 });
  expect(await stateOf(edge)).toMatchObject({ state: 'live', epoch: 2, provisional: false });
});

test.concurrent('who is refused after all is closed, and the stream is held', async ({ expect }) => {
  await using edge = await heldInOutage();
  await using host = await publish(edge);
  edge.rooms.streamKey = '1.rotated';
  edge.rooms.isReachable = true;
  expect(await host.ended).toMatch(/^RTMP_/);
  expect(host.codes).toContain('NetStream.Publish.BadName');
  await expect.poll(() => edge.rooms.reports.at(-1)?.reason).toBe('refused_after_all');
  expect(await stateOf(edge)).toMatchObject({ state: 'hold' });
  expect(await edge.metric('gala_edge_publishers_expelled_total')).toBe(1);
});

test.concurrent('who belongs to another room by now must come again', async ({ expect }) => {
  await using edge = await heldInOutage();
  await using host = await publish(edge);
  edge.rooms.roomId++;
  edge.rooms.isReachable = true;
  expect(await host.ended).toMatch(/^RTMP_/);
  expect(await stateOf(edge)).toBeUndefined();
  await using _ = await publish(edge);
  expect(await stateOf(edge)).toMatchObject({ roomId: edge.rooms.roomId });
});

test.concurrent('a key that was refused once is not admitted from memory', async ({ expect }) => {
  await using edge = await startTestEdge();
  await using _ = await publish(edge);
  edge.rooms.streamKey = '1.rotated';
  expect(await refusal(edge, '1.secret')).toBe('NetStream.Publish.BadName');
  edge.rooms.isReachable = false;
  expect(await refusal(edge, '1.secret')).toBe('NetStream.Publish.Failed');
  expect(await edge.metric('gala_edge_publishes_from_memory_total')).toBe(0);
});

test.concurrent('memory lasts as long as the stream', async ({ expect }) => {
  await using edge = await startTestEdge();
  await using host = await publish(edge);
  edge.rooms.stopRoomIds = [edge.rooms.roomId];
  await host.ended;
  edge.rooms.isReachable = false;
  expect(await refusal(edge, edge.rooms.streamKey)).toBe('NetStream.Publish.Failed');
});

test.concurrent('a host that begins its next session ends what is left of the one before', async ({
  expect,
}) => {
  await using edge = await startTestEdge();
  await using host = await publish(edge);
  edge.rooms.roomId++;
  await using _ = await publish(edge);
  await host.ended;
  expect(await edge.metric('gala_edge_streams')).toBe(1);
  await expect.poll(() => edge.rooms.events).toContain('STOPPED');
});

test.concurrent('an answer that comes late does not let an older publisher take over', async ({ expect }) => {
  await using edge = await startTestEdge();
  const gate = Promise.withResolvers<void>();
  edge.rooms.gates.push(gate.promise);
  await using late = await connectRtmp(edge.rtmpUrl, { streamKey: edge.rooms.streamKey });
  const decided = late.publish();
  await expect.poll(() => edge.rooms.epoch).toBe(1);
  await using newer = await publish(edge);
  gate.resolve();
  await expect(decided).rejects.toMatchObject({ detail: 'NetStream.Publish.BadName' });
  expect(await stateOf(edge)).toMatchObject({ epoch: 2 });
  expect(newer.codes).not.toContain('NetStream.Publish.BadName');
});

test.concurrent('the epoch of a publisher that did not wait goes to the one on air', async ({ expect }) => {
  let epoch = 0n;
  const rooms = {
    admitPublish: async () => ({
      holdMs: 1000,
      room: { roomId: 1n, hostId: 1n, hostName: 'anna', epoch: ++epoch },
    }),
    reportStream: async () => ({}),
  } as unknown as Client<typeof RoomService>;
  const logger = createLogger({ name: 'test', level: 'silent' });
  const events = new EdgeEvents(logger, createMetrics('test'));
  const streams = new Streams();
  await using reports = new Reports({
    edgeId: 'a',
    rooms,
    streams,
    events,
    logger,
    onStop: (stopped) => stopped.end('stopped'),
    renditionLines: () => [],
  });
  const config = loadSettings([edgeSection], { env: {} }).get(edgeSection);
  const clock = systemClock;
  const fanout = new Fanout(clock);
  const owned: number[] = [];
  const admission = new Admission(rooms, 'a');
  const gate: Pick<PublishGate, 'pass'> = {
    pass: async () => ({ remembered: undefined, enter: () => undefined, leave: () => undefined }),
  };
  const ingest = new Ingest({
    admission,
    gate,
    streams,
    reports,
    events,
    tracer: new Tracer({ clock, logger, metrics: createMetrics('test') }),
    makeStream: (identity) =>
      new Stream({ identity, clock, config, fanout, events, onState: streams.changed }),
    onOwned: ({ epoch: present }) => void owned.push(present),
  });
  const publisher = new TestPublisher();
  const { signal } = new AbortController();
  const asked = { publisher, protocol: 'rtmp', streamKey: '1.a', query: '', signal } as const;
  const stream = await ingest.publish(asked);
  const impatient = { ...asked, publisher: new TestPublisher(), signal: AbortSignal.abort() };
  await expect(ingest.publish(impatient)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  expect([stream.publisher, stream.epoch]).toEqual([publisher, 2]);
  expect(owned).toEqual([1, 2]);
  ingest.close();
  await expect(ingest.publish(asked)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
  expect(streams.size).toBe(0);
});
