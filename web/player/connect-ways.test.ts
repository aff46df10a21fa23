import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createRoomClient } from '@gala/sdk/room';
import { closeStream, connect, type ConnectResult } from './connect.ts';
import { FallBack } from './fall-back.ts';

const preference = { latency: 'low', protocol: undefined, quality: undefined } as const;
const header = Buffer.from([0x46, 0x4c, 0x56, 1, 1, 0, 0, 0, 9, 0, 0, 0, 0]);

let server: Server;
let host: string;
let answerFlv: (response: ServerResponse) => void;
let mime: string | undefined;

/** Serves `enter` and the stream; a WebSocket handshake is answered like any other request, so it fails. */
beforeEach(async () => {
  vi.stubGlobal('location', { protocol: 'http:' });
  vi.stubGlobal('document', { createElement: () => ({ canPlayType: () => '' }) });
  vi.stubGlobal('MediaSource', { isTypeSupported: (type: string) => !type.includes('hvc1') });
  mime = undefined;
  server = createServer((request, response) => {
    if (request.url?.startsWith('/live/')) answerFlv(response);
    else response.end(JSON.stringify(enterAnswer()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  vi.unstubAllGlobals();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function enterAnswer() {
  const said = mime === undefined ? {} : { mime };
  const play = [
    { protocol: 'ws-flv', url: `ws://${host}/live/7.flv`, ...said },
    { protocol: 'http-flv', url: `http://${host}/live/7.flv`, ...said },
    { protocol: 'll-hls', url: `http://${host}/live/7.m3u8`, ...said },
  ];
  return { room: { roomId: 7, state: 'live' }, host: {}, play };
}

async function tryRoom(fallBack: FallBack): Promise<ConnectResult> {
  const client = createRoomClient({ baseUrl: `http://${host}/` });
  const result = await connect({ client, roomRef: '7', preference, fallBack }).result;
  if (result.kind === 'open') closeStream(result.stream);
  return result;
}

test('a way that cannot be opened is noted, and the next one is open', async () => {
  answerFlv = (response) => response.write(header);
  const fallBack = new FallBack();
  const result = await tryRoom(fallBack);
  expect(result).toMatchObject({ kind: 'open', stream: { way: { protocol: 'http-flv' } } });
  expect(fallBack.failures).toEqual([{ protocol: 'ws-flv', cause: 'unreachable' }]);
});

test('HLS is left to its player when FLV is not to be had', async () => {
  answerFlv = (response) => response.destroy();
  const result = await tryRoom(new FallBack());
  expect(result).toMatchObject({
    kind: 'open',
    stream: { feed: undefined, way: { protocol: 'll-hls', player: 'hls' } },
  });
});

test('a refusal by name ends the round, and says nothing against a way', async () => {
  answerFlv = (response) =>
    response.writeHead(503).end(JSON.stringify({ error: { code: 'TOO_MANY_VIEWERS' } }));
  const fallBack = new FallBack();
  expect(await tryRoom(fallBack)).toMatchObject({ kind: 'closed', cause: 'edge-full' });
  expect(fallBack.failures).toEqual([]);
});

test('a round in which all failed says that the edge cannot be reached', async () => {
  answerFlv = (response) => response.destroy();
  const fallBack = new FallBack();
  await tryRoom(fallBack);
  fallBack.fail('ll-hls', 'unreachable', performance.now());
  expect(await tryRoom(fallBack)).toMatchObject({ kind: 'closed', cause: 'edge-unreachable' });
});

test('what this browser lacks is known before any address is tried', async () => {
  mime = 'video/mp4; codecs="hvc1.1.6.L93.B0,mp4a.40.2"';
  answerFlv = () => expect.unreachable();
  expect(await tryRoom(new FallBack())).toMatchObject({
    kind: 'closed',
    cause: 'codec-missing',
    missing: [{ name: 'HEVC', kind: 'video' }],
  });
});
