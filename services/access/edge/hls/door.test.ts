import { request as openRequest } from 'node:http';
import { connect } from 'node:net';
import { playQuery } from '@gala/protocol/play';
import { Visibility } from '@gala/protocol/room';
import { expect, test } from 'vitest';
import { parseMediaPlaylist } from '../../../../media/hls/parsed-playlist.ts';
import { PlaylistValidator } from '../../../../media/hls/validator.ts';
import { publish as publishOnly, startTestEdge } from '../testing-edge.ts';
import {
  ask,
  begin,
  codeOf,
  issuesOf,
  mediaPath,
  publish,
  textOf,
  urisOf,
  urlOf,
} from '../../../../test/harness/edge-room.ts';

const key = { kid: 'k1', secret: Buffer.alloc(32, 1) };
test('from the address of the room to its bytes, by room and by name', async () => {
  await using edge = await startTestEdge();
  await using host = await publish(edge);
  await begin(edge, host);
  for (const path of [`${edge.rooms.roomId}.m3u8`, '@anna.m3u8']) {
    const answer = await ask(edge, path);
    expect(answer.headers.get('content-type')).toBe('application/vnd.apple.mpegurl');
    expect(answer.headers.get('cache-control')).toBe('no-cache');
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    const lines = (await answer.text()).split('\n');
    expect(lines).toContainEqual(
      expect.stringMatching(new RegExp(`^${edge.rooms.roomId}/index.m3u8\\?player=`)),
    );
    expect(lines.join('\n')).toMatch(/CODECS="avc1\.[0-9a-f]{6},mp4a\.40\.2",RESOLUTION=160x120/);
  }
  const text = await textOf(edge);
  expect(issuesOf(text)).toEqual([]);
  const { segments } = parseMediaPlaylist(text);
  const { uri = '', map, parts } = segments[0];
  for (const [name, type] of [
    [map, 'ftyp'],
    [uri, 'styp'],
  ]) {
    const answer = await ask(edge, `${edge.rooms.roomId}/${name}`);
    expect(answer.headers.get('cache-control')).toBe('public, max-age=86400, immutable');
    expect(answer.headers.get('content-type')).toBe('video/mp4');
    expect(Buffer.from(await answer.arrayBuffer()).toString('latin1', 4, 8)).toBe(type);
  }
  const bytes = async (name: string): Promise<Buffer> =>
    Buffer.from(await (await ask(edge, `${edge.rooms.roomId}/${name}`)).arrayBuffer());
  expect(Buffer.concat(await Promise.all(parts.map((part) => bytes(part.uri))))).toEqual(await bytes(uri));
});

test('a playlist and a part that are not there yet are waited for, and answered when they are', async () => {
  await using edge = await startTestEdge();
  await using host = await publish(edge);
  const { segments, hints } = await begin(edge, host);
  const { sequence, parts } = segments.at(-1)!;
  const answers: string[] = [];
  const playlist = textOf(edge, `?_HLS_msn=${sequence}&_HLS_part=${parts.length}`);
  const part = ask(edge, `${edge.rooms.roomId}/${hints[0]}`);
  void playlist.then(() => answers.push('playlist'));
  void part.then(() => answers.push('part'));
  await expect.poll(() => edge.metric('gala_edge_hls_blocked')).toBe(2);
  expect(answers).toEqual([]);
  host.send(10_700);
  const after = parseMediaPlaylist(await playlist);
  expect(after.segments.flatMap((segment) => segment.parts.map(({ uri }) => uri))).toContain(hints[0]);
  expect((await part).status).toBe(200);
  expect(await edge.metric('gala_edge_hls_blocked')).toBe(0);
});

test('six seconds as a player meets them: each part when it is there, every playlist valid', async () => {
  await using edge = await startTestEdge();
  await using host = await publish(edge, 40);
  const beganMs = performance.now();
  const pace = setInterval(() => host.send(performance.now() - beganMs), 20);
  const validator = new PlaylistValidator();
  const issues: string[] = [];
  let behindMsMax = 0;
  let query = '';
  while (performance.now() - beganMs < 6000) {
    const text = await textOf(edge, query);
    issues.push(...validator.add(text));
    const { segments } = parseMediaPlaylist(text);
    const { sequence, parts, wallMs = 0, uri, duration } = segments.at(-1)!;
    behindMsMax = Math.max(behindMsMax, Date.now() - wallMs - duration * 1000);
    query = uri ? `?_HLS_msn=${sequence + 1}&_HLS_part=0` : `?_HLS_msn=${sequence}&_HLS_part=${parts.length}`;
  }
  clearInterval(pace);
  expect(issues).toEqual([]);
  expect(validator.count).toBeGreaterThan(6);
  // A part is there when its last picture is, which is known from the next; the rest is this machine.
  expect(behindMsMax).toBeLessThan(2000);
});

test('directives that make no sense, and files that are not there', async () => {
  await using edge = await startTestEdge();
  await using host = await publish(edge);
  const { segments, mediaSequence } = await begin(edge, host);
  const { sequence } = segments.at(-1)!;
  for (const query of [`?_HLS_msn=${sequence + 9}`, '?_HLS_part=1', '?_HLS_msn=x']) {
    expect(await codeOf(await ask(edge, mediaPath(edge, query)))).toEqual([400, 'RELOAD_INVALID']);
  }
  expect((await ask(edge, mediaPath(edge, `?_HLS_msn=${mediaSequence - 5}`))).status).toBe(200);
  for (const name of ['segment-1.m4s', 'part-1.m4s', 'init-1.mp4', 'segment-1.ts']) {
    expect(await codeOf(await ask(edge, `${edge.rooms.roomId}/${name}`))).toEqual([404, 'SEGMENT_UNKNOWN']);
  }
  expect(await codeOf(await ask(edge, '9.m3u8'))).toEqual([404, 'STREAM_UNKNOWN']);
  expect(await edge.metric('gala_edge_hls_refused_total')).toBe(8);
});

test('HEAD, OPTIONS and other methods', async () => {
  await using edge = await startTestEdge();
  await using host = await publish(edge);
  await begin(edge, host);
  const head = await ask(edge, mediaPath(edge), { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([200, '']);
  const options = await ask(edge, mediaPath(edge), { method: 'OPTIONS' });
  expect([options.status, options.headers.get('access-control-allow-origin')]).toEqual([204, '*']);
  expect(await codeOf(await ask(edge, mediaPath(edge), { method: 'POST' }))).toEqual([
    405,
    'METHOD_NOT_ALLOWED',
  ]);
});

test('playlists are compressed for those who accept it', async () => {
  await using edge = await startTestEdge();
  await using host = await publish(edge);
  await begin(edge, host);
  const zipped = await ask(edge, mediaPath(edge), { headers: { 'Accept-Encoding': 'gzip' } });
  const plain = await ask(edge, mediaPath(edge), { headers: { 'Accept-Encoding': 'identity' } });
  expect([zipped, plain].map(({ headers }) => headers.get('content-encoding'))).toEqual(['gzip', null]);
  expect(zipped.headers.get('vary')).toBe('Accept-Encoding');
  expect(await zipped.text()).toBe(await plain.text());
});

test('the addresses of a private room carry its signature, and open nothing without', async () => {
  await using edge = await startTestEdge({ playKeys: [key] });
  edge.rooms.visibility = Visibility.PRIVATE;
  await using host = await publish(edge);
  const { roomId } = edge.rooms;
  const query = playQuery({ roomId, expiresAtMs: Date.now() + 60_000, key });
  expect(await codeOf(await ask(edge, `${roomId}.m3u8`))).toEqual([403, 'PLAY_SIGNATURE_WRONG']);
  expect(await edge.metric('gala_edge_hls_outputs')).toBe(0);
  const first = ask(edge, `${roomId}.m3u8?${query}&latency=low`);
  await expect.poll(() => edge.metric('gala_edge_hls_outputs')).toBe(1);
  host.send(10_000);
  const multivariant = await (await first).text();
  const [mediaUri] = urisOf(multivariant);
  expect(mediaUri).toMatch(/&player=[\w-]+$/);
  expect(mediaUri.split(/[?]|&player=/)[1]).toBe(query);
  const text = await (await ask(edge, mediaUri)).text();
  const { segments, hints } = parseMediaPlaylist(text);
  const uris = [segments[0].uri ?? '', segments[0].map, ...hints];
  for (const uri of uris) expect(uri.split('?')[1]).toBe(query);
  const file = await ask(edge, `${roomId}/${uris[0]}`);
  expect([file.status, file.headers.get('cache-control')]).toEqual([
    200,
    'private, max-age=86400, immutable',
  ]);
  for (const uri of [mediaUri, `${roomId}/${uris[0]}`]) {
    expect(await codeOf(await ask(edge, uri.split('?')[0]))).toEqual([403, 'PLAY_SIGNATURE_WRONG']);
  }
});

test('the end of the stream ends the playlist, and what is listed stays', async () => {
  await using edge = await startTestEdge();
  await using host = await publish(edge);
  const { segments } = await begin(edge, host);
  const { sequence, parts } = segments.at(-1)!;
  const last = textOf(edge, `?_HLS_msn=${sequence}&_HLS_part=${parts.length}`);
  await expect.poll(() => edge.metric('gala_edge_hls_blocked')).toBe(1);
  edge.rooms.stopRoomIds = [edge.rooms.roomId];
  const text = await last;
  expect(text).toContain('#EXT-X-ENDLIST');
  expect(issuesOf(text)).toEqual([]);
  expect(await textOf(edge)).toBe(text);
  const uri = parseMediaPlaylist(text).segments.at(-1)?.uri;
  expect((await ask(edge, `${edge.rooms.roomId}/${uri}`)).status).toBe(200);
});

test('codecs that HLS has no form for are said', async () => {
  await using edge = await startTestEdge();
  // Its set-up is none that can be read.
  await using _ = await publishOnly(edge);
  await expect.poll(() => edge.rooms.events).toContain('STARTED');
  expect(await codeOf(await ask(edge, mediaPath(edge)))).toEqual([406, 'CODEC_UNSUPPORTED']);
});

test('who goes while he waits takes no place, and a closing edge keeps nobody waiting', async () => {
  const edge = await startTestEdge();
  await using host = await publish(edge);
  const { segments } = await begin(edge, host);
  const { sequence } = segments.at(-1)!;
  const waiting = openRequest(urlOf(edge, mediaPath(edge, `?_HLS_msn=${sequence + 1}`)));
  waiting.on('error', () => undefined).end();
  await expect.poll(() => edge.metric('gala_edge_hls_blocked')).toBe(1);
  waiting.destroy();
  await expect.poll(() => edge.metric('gala_edge_hls_blocked')).toBe(0);
  const late = ask(edge, mediaPath(edge, `?_HLS_msn=${sequence + 1}`));
  await expect.poll(() => edge.metric('gala_edge_hls_blocked')).toBe(1);
  await edge[Symbol.asyncDispose]();
  expect(await codeOf(await late)).toEqual([503, 'UNAVAILABLE']);
});

test('a client that does not take its answer keeps nothing in memory for long', async () => {
  await using edge = await startTestEdge({ env: { GALA_HLS_ANSWER_MS: '1000' } });
  // More than the kernel takes for a reader that does not read.
  await using host = await publish(edge, 2000, Buffer.alloc(300_000));
  const first = textOf(edge);
  await expect.poll(() => edge.metric('gala_edge_hls_outputs')).toBe(1);
  host.send(5000);
  const uri = parseMediaPlaylist(await first).segments[0].uri ?? '';
  const socket = connect(edge.port, '127.0.0.1').on('error', () => undefined);
  socket.write(`GET /live/${edge.rooms.roomId}/${uri} HTTP/1.1\r\nHost: edge\r\n\r\n`);
  await expect.poll(() => edge.metric('gala_edge_hls_answers_cut_total')).toBe(1);
  socket.destroy();
});
