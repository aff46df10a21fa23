import { once } from 'node:events';
import { connect } from 'node:net';
import { connectRtmp } from '@gala/media-io/rtmp';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { begin, publish as publishPicture } from '../../../../test/harness/edge-room.ts';
import { publish, startTestEdge, type TestEdge } from '../testing-edge.ts';
import { isSigned, type HookAnswering } from './testing.ts';
import { startWorld } from './testing-world.ts';

const waited = { timeout: 5_000 };
const denyPlay: HookAnswering = ({ event }, response) => {
  if (event === 'onPlay') response.writeHead(402).end('not paid');
};
const ask = (edge: TestEdge, path: string) => fetch(`http://127.0.0.1:${edge.port}/live/${path}`);
const codeOf = async (answer: Response): Promise<string> =>
  ((await answer.json()) as { error: { code: string } }).error.code;

/** The code with which each way of playing is refused. */
async function refusals(edge: TestEdge): Promise<Record<string, string>> {
  const { roomId } = edge.rooms;
  const socket = new WebSocket(`ws://127.0.0.1:${edge.port}/live/${roomId}.flv`);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
  let rtmp = '';
  await using player = await connectRtmp(edge.rtmpUrl, {
    streamKey: String(roomId),
    onStatus: ({ description }) => (rtmp = description.split(':')[0]),
  });
  await player.play(() => undefined).catch(() => undefined);
  return {
    flv: await codeOf(await ask(edge, `${roomId}.flv`)),
    ws: String(response.statusCode),
    rtmp,
    hls: await codeOf(await ask(edge, `${roomId}/index.m3u8`)),
  };
}

test.concurrent('a viewer is asked about and its end is told, under one session', async ({ expect }) => {
  await using world = await startWorld({ GALA_HOOKS_ON_PUBLISH: 'off', GALA_HOOKS_ON_UNPUBLISH: 'off' });
  const { edge, receiver } = world;
  await using _ = await publish(edge);
  const { roomId } = edge.rooms;
  const answer = await ask(edge, `@anna.flv?token=abc&latency=realtime&sig=0123`);
  expect(answer.status).toBe(200);
  const asked = receiver.calls[0];
  expect(asked.body).toMatchObject({
    event: 'onPlay',
    roomId,
    host: 'Anna',
    address: '127.0.0.1',
    protocol: 'http-flv',
    query: 'token=abc&latency=realtime',
  });
  expect(isSigned(asked)).toBe(true);
  await answer.body?.cancel();
  await expect.poll(() => receiver.of('onStop'), waited).toHaveLength(1);
  const { session } = asked.body;
  expect(receiver.of('onStop')[0].body).toMatchObject({ session, roomId, epoch: 1, reason: 'left' });
});

test('who is denied gets HTTP 403 or an RTMP error with the code, however it plays', async () => {
  await using world = await startWorld();
  const { edge, receiver } = world;
  await using host = await publishPicture(edge);
  await begin(edge, host);
  receiver.answer = denyPlay;
  const denied = 'HOOK_DENIED';
  await expect.poll(() => receiver.of('onStop'), { timeout: 20_000 }).toHaveLength(1);
  expect(await refusals(edge)).toEqual({ flv: denied, ws: '403', rtmp: denied, hls: denied });
  const protocols = receiver.of('onPlay').map(({ body }) => String(body.protocol));
  expect(protocols.toSorted((a, b) => a.localeCompare(b))).toEqual([
    'hls',
    'hls',
    'http-flv',
    'rtmp',
    'ws-flv',
  ]);
  const answer = await ask(edge, `${edge.rooms.roomId}/segment-1.m4s`);
  expect([answer.status, await codeOf(answer)]).toEqual([403, denied]);
  expect(await edge.metric('gala_edge_viewers')).toBe(0);
});

test('what a player of HLS wrote behind the address of the room reaches the hook', async () => {
  await using world = await startWorld();
  const { edge, receiver } = world;
  await using host = await publishPicture(edge);
  await begin(edge, host);
  receiver.calls.length = 0;
  const answer = await ask(edge, `${edge.rooms.roomId}.m3u8?token=abc`);
  const media = (await answer.text()).split('\n').find((line) => line.includes('index.m3u8'))!;
  expect(receiver.of('onPlay')).toEqual([]);
  const playlists = [ask(edge, media), ask(edge, media)];
  for (const playlist of await Promise.all(playlists)) expect(playlist.status).toBe(200);
  expect(receiver.of('onPlay').map(({ body }) => body.query)).toEqual(['token=abc']);
});

test.concurrent('a viewer that left while its hook was asked gives its place back', async ({ expect }) => {
  await using world = await startWorld({ GALA_HOOKS_TIMEOUT_MS: '5000' });
  const { edge, receiver } = world;
  await using _ = await publish(edge);
  const gate = Promise.withResolvers<void>();
  receiver.answer = ({ event }) => (event === 'onPlay' ? gate.promise : undefined);
  const socket = connect(edge.port, '127.0.0.1').on('error', () => undefined);
  socket.write(`GET /live/${edge.rooms.roomId}.flv HTTP/1.1\r\nHost: edge\r\n\r\n`);
  await expect.poll(() => receiver.of('onPlay'), waited).toHaveLength(1);
  expect(await edge.metric('gala_edge_viewers')).toBe(1);
  socket.destroy();
  gate.resolve();
  await expect.poll(() => edge.metric('gala_edge_viewers'), waited).toBe(0);
  await expect.poll(() => receiver.of('onStop'), waited).toHaveLength(1);
});

test.concurrent('addresses that may not play are refused, however they play', async ({ expect }) => {
  await using edge = await startTestEdge({ env: { GALA_ADDRESSES_PLAY_DENY: '127.0.0.0/8' } });
  await using _ = await publish(edge);
  const denied = 'ADDRESS_DENIED';
  expect(await refusals(edge)).toEqual({ flv: denied, ws: '403', rtmp: denied, hls: denied });
  expect(await edge.metric('gala_limits_play_addresses_denied_total')).toBe(4);
});

test.concurrent('a client behind a proxy that is believed is judged by its own address', async ({
  expect,
}) => {
  const env = { GALA_ADDRESSES_PLAY_DENY: '203.0.113.0/24', GALA_EDGE_TRUSTED_PROXIES: '127.0.0.1' };
  await using edge = await startTestEdge({ env });
  await using _ = await publish(edge);
  const url = `http://127.0.0.1:${edge.port}/live/${edge.rooms.roomId}.flv`;
  const from = (address: string) => fetch(url, { method: 'HEAD', headers: { 'X-Forwarded-For': address } });
  expect((await from('203.0.113.7')).status).toBe(403);
  expect((await from('198.51.100.7')).status).toBe(200);
});

test.concurrent('a stream takes so many viewers and no more', async ({ expect }) => {
  await using edge = await startTestEdge({ env: { GALA_LIMITS_VIEWERS_PER_STREAM_MAX: '1' } });
  await using _ = await publish(edge);
  const first = await ask(edge, `${edge.rooms.roomId}.flv`);
  expect(first.status).toBe(200);
  const full = 'STREAM_FULL';
  expect(await refusals(edge)).toEqual({ flv: full, ws: '503', rtmp: full, hls: full });
  expect(await edge.metric('gala_limits_streams_full_total')).toBe(4);
  await first.body?.cancel();
  const again = async (): Promise<number> => (await ask(edge, `${edge.rooms.roomId}.flv`)).status;
  await expect.poll(again, waited).toBe(200);
});
