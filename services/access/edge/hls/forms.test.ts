import { expect, test } from 'vitest';
import { parseMediaPlaylist } from '../../../../media/hls/parsed-playlist.ts';
import { connectRtmp } from '@gala/media-io/rtmp';
import { bodies } from '../testing.ts';
import { startTestEdge, type TestEdge } from '../testing-edge.ts';
import { ask, codeOf, issuesOf, publish, urisOf } from '../../../../test/harness/edge-room.ts';

/** A multivariant playlist once it is there; the first request begins the output. */
async function multivariant(edge: TestEdge, host: { send(untilMs: number): void }, query = '') {
  const first = ask(edge, `${edge.rooms.roomId}.m3u8${query}`);
  await expect.poll(() => edge.metric('gala_edge_hls_outputs')).toBeGreaterThan(0);
  host.send(10_000);
  const answer = await first;
  expect(answer.status).toBe(200);
  return answer.text();
}

const folderOf = (uri: string): string => uri.slice(0, uri.lastIndexOf('/') + 1);

test.each([
  { query: '?container=ts', type: 'video/mp2t', codecs: /CODECS="avc1\.[0-9a-f]{6},mp4a\.40\.2",RES/ },
  { query: '?only=audio', type: 'audio/mp4', codecs: /CODECS="mp4a\.40\.2"\n/ },
  { query: '?only=audio&container=ts', type: 'video/mp2t', codecs: /CODECS="mp4a\.40\.2"\n/ },
])('$query: its playlist and its files', async ({ query, type, codecs }) => {
  await using edge = await startTestEdge();
  await using host = await publish(edge);
  const text = await multivariant(edge, host, query);
  expect(text).toMatch(codecs);
  const [uri] = urisOf(text);
  await expect
    .poll(async () => parseMediaPlaylist(await (await ask(edge, uri)).text()).segments.length)
    .toBeGreaterThan(1);
  const playlist = await (await ask(edge, uri)).text();
  expect(issuesOf(playlist)).toEqual([]);
  const { segments, head, hints } = parseMediaPlaylist(playlist);
  const isTs = query.includes('ts');
  expect(head.get('EXT-X-VERSION')).toBe(isTs ? '3' : '9');
  expect(hints).toHaveLength(isTs ? 0 : 1);
  const file = await ask(edge, `${folderOf(uri)}${segments[0].uri}`);
  expect(file.headers.get('content-type')).toBe(type);
  const bytes = Buffer.from(await file.arrayBuffer());
  if (isTs) expect([bytes[0], bytes.length % 188]).toEqual([0x47, 0]);
  else expect(bytes.toString('latin1', 4, 8)).toBe('styp');
});

test('the sound alone is a variant of what has pictures, and is cut when it is asked for', async () => {
  await using edge = await startTestEdge();
  await using host = await publish(edge);
  const text = await multivariant(edge, host);
  const [main, sound] = urisOf(text);
  expect([main, sound].map((uri) => uri.split('?')[0])).toEqual(
    ['index.m3u8', 'audio/index.m3u8'].map((path) => `${edge.rooms.roomId}/${path}`),
  );
  const [all, soundOnly] = [...text.matchAll(/BANDWIDTH=(\d+),AVERAGE/g)].map(([, rate]) => Number(rate));
  expect(soundOnly).toBeLessThan(all);
  expect(await edge.metric('gala_edge_hls_outputs')).toBe(1);
  const first = ask(edge, sound);
  await expect.poll(() => edge.metric('gala_edge_hls_outputs')).toBe(2);
  host.send(15_000);
  const playlist = await (await first).text();
  expect(issuesOf(playlist)).toEqual([]);
  const { reports } = parseMediaPlaylist(playlist);
  expect(reports.map((report) => report.get('URI'))).toEqual(['"../index.m3u8"']);
  // What the sound has over its bytes was guessed before, and is known now.
  const after = await (await ask(edge, `${edge.rooms.roomId}.m3u8`)).text();
  const [, known] = [...after.matchAll(/BANDWIDTH=(\d+),AVERAGE/g)].map(([, rate]) => Number(rate));
  expect(Math.abs(known - soundOnly) / soundOnly).toBeLessThan(0.5);
  expect(known).toBeLessThan(soundOnly);
});

test('a stream without sound has no sound alone', async () => {
  await using edge = await startTestEdge();
  const { streamKey } = edge.rooms;
  await using client = await connectRtmp(edge.rtmpUrl, { streamKey, onClose: () => undefined });
  await client.publish();
  client.sendVideo(0, bodies.videoHeader());
  client.sendVideo(0, bodies.keyFrame());
  await expect
    .poll(() => {
      client.sendVideo(40, bodies.interFrame());
      return edge.rooms.events;
    })
    .toContain('STARTED');
  expect(await codeOf(await ask(edge, `${edge.rooms.roomId}.m3u8?only=audio`))).toEqual([
    406,
    'AUDIO_MISSING',
  ]);
  expect(await codeOf(await ask(edge, `${edge.rooms.roomId}.flv?only=audio`))).toEqual([
    406,
    'AUDIO_MISSING',
  ]);
});

test('files are answered in ranges, and not at all to who has them', async () => {
  await using edge = await startTestEdge();
  await using host = await publish(edge);
  const [uri] = urisOf(await multivariant(edge, host));
  const { segments } = parseMediaPlaylist(await (await ask(edge, uri)).text());
  const path = `${folderOf(uri)}${segments[0].uri}`;
  const whole = await ask(edge, path);
  const bytes = Buffer.from(await whole.arrayBuffer());
  const etag = whole.headers.get('etag') ?? '';
  expect(whole.headers.get('accept-ranges')).toBe('bytes');
  const part = await ask(edge, path, { headers: { Range: 'bytes=100-4999' } });
  expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 100-4999/${bytes.length}`]);
  expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(100, 5000));
  const beyond = await ask(edge, path, { headers: { Range: `bytes=${bytes.length}-` } });
  expect(beyond.headers.get('content-range')).toBe(`bytes */${bytes.length}`);
  expect(await codeOf(beyond)).toEqual([416, 'RANGE_INVALID']);
  const known = await ask(edge, path, { headers: { 'If-None-Match': etag } });
  expect([known.status, await known.text()]).toEqual([304, '']);
  const other = await ask(edge, path, { headers: { Range: 'bytes=0-9', 'If-Range': '"another"' } });
  expect(other.status).toBe(200);
  const head = await ask(edge, path, { method: 'HEAD', headers: { Range: 'bytes=0-9' } });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.length)]);
});

test('an address that asks too often is told when to come again', async () => {
  const env = {
    GALA_HLS_REQUESTS_PER_ADDRESS_PER_SECOND: '1',
    GALA_HLS_REQUESTS_PER_ADDRESS_BURST: '2',
  };
  await using edge = await startTestEdge({ env });
  const answers = [];
  for (let request = 0; request < 3; request++) answers.push(await ask(edge, '9.m3u8'));
  expect(answers.map(({ status }) => status)).toEqual([404, 404, 429]);
  expect(Number(answers[2].headers.get('retry-after'))).toBeGreaterThan(0);
});
