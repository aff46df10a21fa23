import { StreamOrder } from '@gala/protocol/room';
import { test } from 'vitest';
import { publish, startTestEdge, type TestEdge } from './testing-edge.ts';

const warnings = (edge: TestEdge, text: string): number =>
  edge.logLines.filter((line) => line.includes(text)).length;

test.concurrent('reports that could not be delivered follow in order, once each, and are complained of once', async ({
  expect,
}) => {
  await using edge = await startTestEdge();
  await using first = await publish(edge);
  await expect.poll(() => edge.rooms.events).toEqual(['STARTED']);
  edge.rooms.isReachable = false;
  await first[Symbol.asyncDispose]();
  await using second = await publish(edge);
  await using third = await publish(edge);
  await second.ended;
  await expect.poll(() => warnings(edge, 'a report to the room service failed')).toBe(1);
  await expect.poll(() => warnings(edge, 'heart-beats to the room service fail')).toBe(1);
  edge.rooms.isReachable = true;
  await expect.poll(() => edge.rooms.events).toEqual(expect.arrayContaining(['TAKEN_OVER']));
  expect(edge.rooms.events.slice(0, 4)).toEqual(['STARTED', 'HELD', 'STARTED', 'TAKEN_OVER']);
  const sequences = edge.rooms.reports.map(({ sequence }) => sequence);
  expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
  expect(new Set(sequences).size).toBe(sequences.length);
  await expect.poll(() => warnings(edge, 'are answered again')).toBe(1);
  expect(third.codes).not.toContain('NetStream.Publish.BadName');
});

test.concurrent('what waits for an absent room service is bounded, and what is given up is counted', async ({
  expect,
}) => {
  await using edge = await startTestEdge();
  await using _ = await publish(edge);
  await expect.poll(() => edge.rooms.events).toEqual(['STARTED']);
  edge.rooms.isReachable = false;
  for (let index = 0; index < 20; index++) await publish(edge);
  expect(await edge.metric('gala_edge_takeovers_total')).toBe(20);
  expect(await edge.metric('gala_edge_reports_dropped_total')).toBe(4);
});

test.concurrent('a report answered with a stop ends its stream, without another report', async ({
  expect,
}) => {
  await using edge = await startTestEdge();
  edge.rooms.order = StreamOrder.STOP;
  await using host = await publish(edge);
  await host.ended;
  expect(host.codes).toContain('NetStream.Unpublish.Success');
  expect(await edge.metric('gala_edge_streams')).toBe(0);
  expect(edge.rooms.events).toEqual(['STARTED']);
});

test.concurrent('a stop by heart-beat stands for the epoch that it was told of', async ({ expect }) => {
  await using edge = await startTestEdge();
  await using first = await publish(edge);
  const gate = Promise.withResolvers<void>();
  edge.rooms.beatGate = gate.promise;
  edge.rooms.stopRoomIds = [edge.rooms.roomId];
  const { beats } = edge.rooms;
  await expect.poll(() => edge.rooms.beats).toBe(beats + 1);
  await using second = await publish(edge);
  await first.ended;
  edge.rooms.stopRoomIds = [];
  gate.resolve();
  await expect.poll(() => edge.rooms.beats).toBe(beats + 2);
  expect(await edge.metric('gala_edge_streams')).toBe(1);
  edge.rooms.stopRoomIds = [edge.rooms.roomId];
  await second.ended;
  expect(await edge.metric('gala_edge_streams')).toBe(0);
});

test.concurrent('closing while rooms are away takes a second at most and warns of nothing new', async ({
  expect,
}) => {
  const edge = await startTestEdge();
  await publish(edge);
  await expect.poll(() => edge.rooms.events).toEqual(['STARTED']);
  edge.rooms.isReachable = false;
  const startedAtMs = performance.now();
  await edge[Symbol.asyncDispose]();
  expect(performance.now() - startedAtMs).toBeLessThan(3000);
  expect(warnings(edge, 'a report to the room service failed')).toBeLessThanOrEqual(1);
});

test.concurrent('the start says what a stream is made of, and a further one that it has changed', async ({
  expect,
}) => {
  await using edge = await startTestEdge();
  await using host = await publish(edge);
  await expect.poll(() => edge.rooms.events).toEqual(['STARTED']);
  expect(edge.rooms.reports[0]).toMatchObject({ videoCodec: 'avc1.64001e', audioCodec: 'mp4a.40.2' });
  host.client.sendAudio(40, Buffer.from([0xaf, 0, 0x2b, 0x92, 0x08, 0]));
  await expect.poll(() => edge.rooms.events).toEqual(['STARTED', 'STARTED']);
  expect(edge.rooms.reports[1]).toMatchObject({ audioCodec: 'mp4a.40.5', reason: 'codecs changed' });
});
