import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { playQuery } from '@gala/protocol/play';
import { Visibility } from '@gala/protocol/room';
import { expect, test } from 'vitest';
import { bodies, FlvReading } from './testing.ts';
import { publish, startTestEdge, type TestEdge } from './testing-edge.ts';

const key = { kid: 'k1', secret: Buffer.alloc(32, 1) };

/** A viewer on a socket of its own: the head of the answer, then the tags as they come. */
async function play(edge: TestEdge, path: string) {
  const socket = connect(edge.port, '127.0.0.1').on('error', () => undefined);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: edge\r\n\r\n`);
  let bytes: Buffer = Buffer.alloc(0);
  let head: string | undefined;
  const reading = new FlvReading();
  const payloads: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    const end = bytes.indexOf('\r\n\r\n');
    if (head === undefined && end < 0) return;
    if (head === undefined) {
      head = bytes.toString('latin1', 0, end);
      bytes = bytes.subarray(end + 4);
    }
    if (head.startsWith('HTTP/1.1 200')) payloads.push(...reading.read(bytes).map((tag) => tag.payload));
    bytes = Buffer.alloc(0);
  });
  await expect.poll(() => head).toBeDefined();
  return { socket, head: head!, reading, payloads, [Symbol.dispose]: () => void socket.destroy() };
}

const roomPath = (edge: TestEdge, query = ''): string => `/live/${edge.rooms.roomId}.flv${query}`;
const ask = (edge: TestEdge, path: string, method = 'GET') =>
  fetch(`http://127.0.0.1:${edge.port}${path}`, { method });
const codeOf = async (answer: Response): Promise<string> =>
  ((await answer.json()) as { error: { code: string } }).error.code;

test.each(['', '?latency=realtime', '?latency=economy'])(
  'HTTP-FLV%s: picture first, then what comes',
  async (query) => {
    await using edge = await startTestEdge();
    await using host = await publish(edge);
    using viewer = await play(edge, roomPath(edge, query));
    expect(viewer.head).toContain('Access-Control-Allow-Origin: *');
    expect(viewer.head).toContain('Content-Type: video/x-flv');
    await expect.poll(() => viewer.payloads.length).toBeGreaterThan(2);
    expect(viewer.payloads.slice(0, 3)).toEqual([
      bodies.videoHeader(),
      bodies.audioHeader,
      bodies.keyFrame(),
    ]);
    host.client.sendVideo(33, bodies.interFrame(7));
    await expect.poll(() => viewer.payloads.at(-1)).toEqual(bodies.interFrame(7));
    expect(viewer.reading.header).toEqual({ hasAudio: true, hasVideo: true });
  },
);

test('HTTP-FLV of sound alone says so in its head, and to the operator', async () => {
  await using edge = await startTestEdge();
  await using host = await publish(edge);
  using viewer = await play(edge, roomPath(edge, '?only=audio'));
  host.client.sendVideo(33, bodies.interFrame(7));
  host.client.sendAudio(33, bodies.audioFrame(7));
  await expect.poll(() => viewer.payloads.at(-1)).toEqual(bodies.audioFrame(7));
  expect(viewer.payloads).toEqual([bodies.audioHeader, bodies.audioFrame(), bodies.audioFrame(7)]);
  expect(viewer.reading.header).toEqual({ hasAudio: true, hasVideo: false });
  const listed = await fetch(`http://127.0.0.1:${edge.adminPort}/streams?room=${edge.rooms.roomId}`);
  expect(await listed.json()).toMatchObject({ viewers: [{ framing: 'flv', only: 'audio' }] });
});

test('a room is found by the name of its host, in any case', async () => {
  await using edge = await startTestEdge();
  await using _ = await publish(edge);
  using viewer = await play(edge, '/live/@aNNa.flv');
  expect(viewer.head).toMatch(/^HTTP\/1.1 200/);
});

test('viewers are counted while they are there, and listed for the operator', async () => {
  await using edge = await startTestEdge();
  await using _ = await publish(edge);
  const viewer = await play(edge, roomPath(edge));
  expect(await edge.metric('gala_edge_viewers')).toBe(1);
  const listed = await fetch(`http://127.0.0.1:${edge.adminPort}/streams?room=${edge.rooms.roomId}`);
  expect(await listed.json()).toMatchObject({
    stream: { viewers: 1 },
    viewers: [{ address: '127.0.0.1', framing: 'flv', latency: 'low', slow: false }],
  });
  viewer.socket.destroy();
  await expect.poll(() => edge.metric('gala_edge_viewers')).toBe(0);
  expect(await edge.metric('gala_edge_viewers_left_total')).toBe(1);
});

test('HEAD and OPTIONS are answered without joining, other methods are not', async () => {
  await using edge = await startTestEdge();
  await using _ = await publish(edge);
  const head = await ask(edge, roomPath(edge), 'HEAD');
  expect([head.status, head.headers.get('content-type')]).toEqual([200, 'video/x-flv']);
  const options = await ask(edge, roomPath(edge), 'OPTIONS');
  expect([options.status, options.headers.get('access-control-allow-methods')]).toEqual([204, 'GET, HEAD']);
  expect(await codeOf(await ask(edge, roomPath(edge), 'POST'))).toBe('METHOD_NOT_ALLOWED');
  expect(await edge.metric('gala_edge_viewers_joined_total')).toBe(0);
  expect(await edge.metric('gala_edge_viewers')).toBe(0);
});

test('an unknown room and an unknown latency are refused with their code, readable by any page', async () => {
  await using edge = await startTestEdge();
  await using _ = await publish(edge);
  const unknown = await ask(edge, '/live/9.flv');
  expect([unknown.status, await codeOf(unknown)]).toEqual([404, 'STREAM_UNKNOWN']);
  expect(unknown.headers.get('access-control-allow-origin')).toBe('*');
  expect(await codeOf(await ask(edge, roomPath(edge, '?latency=fast')))).toBe('LATENCY_INVALID');
  expect(await edge.metric('gala_edge_plays_refused_total')).toBe(2);
});

test('a private room takes signed addresses of its own that have not expired', async () => {
  await using edge = await startTestEdge({ playKeys: [key] });
  edge.rooms.visibility = Visibility.PRIVATE;
  await using _ = await publish(edge);
  const { roomId } = edge.rooms;
  const signed = (room: number, expiresAtMs: number) =>
    roomPath(edge, `?${playQuery({ roomId: room, expiresAtMs, key })}`);
  const soon = Date.now() + 60_000;
  for (const path of [roomPath(edge), signed(roomId, Date.now() - 60_000), signed(roomId + 1, soon)]) {
    expect(await codeOf(await ask(edge, path))).toBe('PLAY_SIGNATURE_WRONG');
  }
  using viewer = await play(edge, signed(roomId, soon));
  expect(viewer.head).toMatch(/^HTTP\/1.1 200/);
});

test.each<{ name: string; env: Record<string, string> }>([
  { name: 'of the process', env: { GALA_EDGE_VIEWERS_MAX: '2' } },
  { name: 'of an address', env: { GALA_EDGE_VIEWERS_PER_ADDRESS_MAX: '2' } },
])('viewers $name are bounded, also when all come at once and are verified first', async ({ env }) => {
  await using edge = await startTestEdge({ env, playKeys: [key] });
  edge.rooms.visibility = Visibility.PRIVATE;
  await using _ = await publish(edge);
  const query = playQuery({ roomId: edge.rooms.roomId, expiresAtMs: Date.now() + 60_000, key });
  const viewers = await Promise.all(Array.from({ length: 5 }, () => play(edge, roomPath(edge, `?${query}`))));
  expect(viewers.filter(({ head }) => head.startsWith('HTTP/1.1 200'))).toHaveLength(2);
  expect(viewers.filter(({ head }) => head.startsWith('HTTP/1.1 503'))).toHaveLength(3);
  viewers.find(({ head }) => head.startsWith('HTTP/1.1 200'))!.socket.destroy();
  await expect.poll(() => edge.metric('gala_edge_viewers')).toBe(1);
  using late = await play(edge, roomPath(edge, `?${query}`));
  expect(late.head).toMatch(/^HTTP\/1.1 200/);
  for (const { socket } of viewers) socket.destroy();
});

test('a trusted proxy speaks for its viewers', async () => {
  const env = { GALA_EDGE_TRUSTED_PROXIES: '127.0.0.1', GALA_EDGE_VIEWERS_PER_ADDRESS_MAX: '1' };
  await using edge = await startTestEdge({ env });
  await using _ = await publish(edge);
  const statusFor = async (address: string): Promise<{ socket: Socket; status: string }> => {
    const socket = connect(edge.port, '127.0.0.1').on('error', () => undefined);
    socket.write(`GET ${roomPath(edge)} HTTP/1.1\r\nHost: edge\r\nX-Forwarded-For: ${address}\r\n\r\n`);
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    return { socket, status: bytes.toString('latin1', 9, 12) };
  };
  const first = await statusFor('192.0.2.1');
  const second = await statusFor('192.0.2.1');
  const other = await statusFor('192.0.2.2');
  expect([first.status, second.status, other.status]).toEqual(['200', '503', '200']);
  for (const { socket } of [first, second, other]) socket.destroy();
});

test('the end of the stream is the end of the body', async () => {
  await using edge = await startTestEdge();
  await using _ = await publish(edge);
  using viewer = await play(edge, roomPath(edge));
  edge.rooms.stopRoomIds = [edge.rooms.roomId];
  await once(viewer.socket, 'end', { signal: AbortSignal.timeout(5000) });
  await expect.poll(() => edge.metric('gala_edge_viewers')).toBe(0);
});
