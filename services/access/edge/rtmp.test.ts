import { connect } from 'node:net';
import { connectRtmp } from '@gala/media-io/rtmp';
import { expect, test } from 'vitest';
import { publish, startTestEdge } from './testing-edge.ts';

const state = async (port: number): Promise<Record<string, unknown> | undefined> => {
  const answer = await fetch(`http://127.0.0.1:${port}/streams`);
  return ((await answer.json()) as { streams: Record<string, unknown>[] }).streams[0];
};

test('an accepted publisher is on air at once, with its stream in the admin list; gone, it is held', async () => {
  await using edge = await startTestEdge();
  const host = await publish(edge);
  await expect.poll(() => edge.rooms.events).toEqual(['STARTED']);
  expect(edge.rooms.reports[0]).toMatchObject({ roomId: edge.rooms.roomId, epoch: 1 });
  expect(await state(edge.adminPort)).toMatchObject({ state: 'live', epoch: 1, hostName: 'Anna' });
  await host[Symbol.asyncDispose]();
  await expect.poll(() => edge.rooms.events).toEqual(['STARTED', 'HELD']);
  expect(await state(edge.adminPort)).toMatchObject({ state: 'hold' });
  await using back = await publish(edge);
  await expect.poll(() => edge.rooms.events).toEqual(['STARTED', 'HELD', 'STARTED']);
  expect(back.client.isCongested).toBe(false);
});

test.each([
  { name: 'a wrong key', streamKey: '1.wrong', app: 'live', code: 'NetStream.Publish.BadName' },
  { name: 'what is no key', streamKey: 'nonsense', app: 'live', code: 'NetStream.Publish.BadName' },
  { name: 'another application', streamKey: '1.secret', app: 'vod', code: 'NetStream.Publish.BadName' },
])('$name is refused with $code, and no log line holds the key', async ({ streamKey, app, code }) => {
  await using edge = await startTestEdge();
  await using client = await connectRtmp(edge.rtmpUrl.replace(/live$/, app), { streamKey });
  await expect(client.publish()).rejects.toMatchObject({ code: 'RTMP_REFUSED', detail: code });
  expect(await edge.metric('gala_edge_publishes_refused_total')).toBe(1);
  expect(edge.logLines.join('')).toContain('publish refused');
  expect(edge.logLines.join('')).not.toContain(streamKey.split('.')[1] ?? streamKey);
});

test('while rooms cannot be reached a new publisher is told to try again', async () => {
  await using edge = await startTestEdge();
  edge.rooms.isReachable = false;
  await using client = await connectRtmp(edge.rtmpUrl, { streamKey: edge.rooms.streamKey });
  await expect(client.publish()).rejects.toMatchObject({
    code: 'RTMP_REFUSED',
    detail: 'NetStream.Publish.Failed',
  });
});

test('a second publisher takes over, and the first is told and closed', async () => {
  await using edge = await startTestEdge();
  await using first = await publish(edge);
  await expect.poll(() => edge.rooms.events).toEqual(['STARTED']);
  await using second = await publish(edge);
  expect(await first.ended).toMatch(/^RTMP_/);
  expect(first.codes).toContain('NetStream.Publish.BadName');
  await expect.poll(() => edge.rooms.events).toEqual(['STARTED', 'TAKEN_OVER']);
  expect(edge.rooms.reports[1].epoch).toBe(2);
  expect(await state(edge.adminPort)).toMatchObject({ state: 'live', epoch: 2 });
  expect(second.codes).not.toContain('NetStream.Publish.BadName');
});

test('a taken port is named with the setting that changes it', async () => {
  await using edge = await startTestEdge();
  const { port } = new URL(edge.rtmpUrl);
  await expect(startTestEdge({ env: { GALA_RTMP_PORT: port } })).rejects.toMatchObject({
    code: 'PORT_TAKEN',
    detail: `127.0.0.1:${port}; change rtmp.port (GALA_RTMP_PORT)`,
  });
});

test('noise on the RTMP port is closed and counted, and the stream goes on', async () => {
  await using edge = await startTestEdge();
  await using host = await publish(edge);
  const noise = connect(Number(new URL(edge.rtmpUrl).port), '127.0.0.1').on('error', () => undefined);
  noise.resume().write('GET / HTTP/1.1\r\nHost: here\r\n\r\n');
  await expect.poll(() => noise.closed).toBe(true);
  expect(await edge.metric('gala_rtmp_connections')).toBe(1);
  expect(host.client.isCongested).toBe(false);
});

test('an edge that closes holds the room, tells its publisher and leaves no warning', async () => {
  const edge = await startTestEdge();
  const host = await publish(edge);
  await expect.poll(() => edge.rooms.events).toEqual(['STARTED']);
  await edge[Symbol.asyncDispose]();
  expect(edge.rooms.events).toEqual(['STARTED', 'HELD']);
  expect(await host.ended).toMatch(/^RTMP_/);
  expect(host.codes).toContain('NetStream.Unpublish.Success');
  const levels = edge.logLines.map((line) => (JSON.parse(line) as { level: number | string }).level);
  expect(levels.filter((level) => level === 'warn' || level === 40)).toEqual([]);
});
