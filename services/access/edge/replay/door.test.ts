import { once } from 'node:events';
import { rename } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { playQuery } from '@gala/protocol/play';
import { RecordingState, RoomState, Visibility } from '@gala/protocol/room';
import { FragmentIndex } from '@gala/media/mp4';
import { expect, test } from 'vitest';
import { readFlvTags } from '../../../../media/fixtures/flv.ts';
import { TestSender } from '../record/testing.ts';
import { startTestEdge, type TestEdge, type TestEdgeOptions } from '../testing-edge.ts';

/**
 * Goal: what was recorded is played from the edge's own door: whole, by ranges, and by a playlist over all parts.
 * Method: the edge role on real sockets records real H.264 and AAC; what the door gives is compared with the file.
 */
const tags = readFlvTags();
const patient = { timeout: 15_000 };

async function startRecording(options: TestEdgeOptions = {}): Promise<TestEdge> {
  const edge = await startTestEdge(options);
  edge.rooms.media = { record: true };
  return edge;
}

async function record(edge: TestEdge, toMs: number): Promise<void> {
  const before = done(edge).length;
  const sender = await TestSender.start(edge, tags);
  sender.send({ toMs });
  await sender[Symbol.asyncDispose]();
  await expect.poll(() => done(edge).length, patient).toBeGreaterThan(before);
}

const done = (edge: TestEdge) => edge.rooms.recordings.filter(({ state }) => state === RecordingState.DONE);
const urlOf = (edge: TestEdge, path: string) => `http://127.0.0.1:${edge.port}/live/replay/${path}`;
const get = (edge: TestEdge, path: string, headers: Record<string, string> = {}) =>
  fetch(urlOf(edge, path), { headers });
const codeOf = async (answer: Response) => ((await answer.json()) as { error: { code: string } }).error.code;

function indexOf(bytes: Buffer): FragmentIndex {
  const index = new FragmentIndex(bytes.length);
  for (let read = index.wanted; read; read = index.wanted) {
    index.push(bytes.subarray(read.offset, read.offset + read.bytes));
  }
  return index;
}

test('a file is sent whole, by ranges, by conditions, and cached for good', async () => {
  await using edge = await startRecording();
  await record(edge, 4000);
  const path = `${edge.rooms.roomId}/${done(edge)[0].startedAtMs}.mp4`;
  const whole = await get(edge, path);
  const bytes = Buffer.from(await whole.arrayBuffer());
  expect(whole.status).toBe(200);
  expect(indexOf(bytes).entries).toHaveLength(4);
  expect(whole.headers.get('content-type')).toBe('video/mp4');
  expect(whole.headers.get('accept-ranges')).toBe('bytes');
  expect(whole.headers.get('cache-control')).toBe('public, max-age=86400, immutable');
  expect(whole.headers.get('access-control-allow-origin')).toBe('*');
  const etag = whole.headers.get('etag')!;

  const middle = await get(edge, path, { Range: 'bytes=100-199' });
  expect(middle.status).toBe(206);
  expect(middle.headers.get('content-range')).toBe(`bytes 100-199/${bytes.length}`);
  expect(Buffer.from(await middle.arrayBuffer())).toEqual(bytes.subarray(100, 200));
  const tail = await get(edge, path, { Range: 'bytes=-10', 'If-Range': etag });
  expect(Buffer.from(await tail.arrayBuffer())).toEqual(bytes.subarray(-10));
  const beyond = await get(edge, path, { Range: `bytes=${bytes.length}-` });
  expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${bytes.length}`]);
  expect((await get(edge, path, { Range: 'bytes=0-1', 'If-Range': '"another"' })).status).toBe(200);
  expect((await get(edge, path, { 'If-None-Match': etag })).status).toBe(304);
  const head = await fetch(urlOf(edge, path), { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.length)]);
  const download = await get(edge, `${path}?download`);
  expect(download.headers.get('content-disposition')).toMatch(/^attachment; filename="\d+-\d+\.mp4"$/);
});

test('one playlist leads through all parts, each range a run of pictures from a key frame on', async () => {
  await using edge = await startRecording();
  await record(edge, 9000);
  await record(edge, 3000);
  const path = `${edge.rooms.roomId}.m3u8`;
  const open = await (await get(edge, path)).text();
  expect(open).toContain('#EXT-X-PLAYLIST-TYPE:EVENT');
  edge.rooms.state = RoomState.ENDED;
  await expect.poll(async () => (await get(edge, path)).text(), patient).toContain('#EXT-X-ENDLIST');
  const lines = (await (await get(edge, path)).text()).split('\n');
  expect(lines.filter((line) => line === '#EXT-X-DISCONTINUITY')).toHaveLength(1);
  const maps = lines.filter((line) => line.startsWith('#EXT-X-MAP'));
  expect(maps).toHaveLength(2);
  const seconds = lines.flatMap((line) => /^#EXTINF:([\d.]+),$/.exec(line)?.[1] ?? []).map(Number);
  // Groups of a second joined to four.
  expect(seconds.map(Math.round)).toEqual([4, 4, 1, 3]);
  const target = Number(/TARGETDURATION:(\d+)/.exec(lines.join('\n'))![1]);
  expect(seconds.every((each) => Math.round(each) <= target)).toBe(true);

  const ranges = lines.flatMap((line, at) => {
    const match = /^#EXT-X-BYTERANGE:(\d+)@(\d+)$/.exec(line);
    return match ? [{ bytes: Number(match[1]), offset: Number(match[2]), uri: lines[at + 1] }] : [];
  });
  for (const { bytes, offset, uri } of ranges) {
    const file = Buffer.from(await (await get(edge, uri)).arrayBuffer());
    const { initBytes } = indexOf(file);
    expect(maps.some((map) => map.includes(`URI="${uri}",BYTERANGE="${initBytes}@0"`))).toBe(true);
    const piece = Buffer.concat([file.subarray(0, initBytes), file.subarray(offset, offset + bytes)]);
    const index = indexOf(piece);
    expect(index.wholeBytes).toBe(piece.length);
    expect(index.entries[0].keyFrame).toBe(true);
  }
});

test('what another process of the machine recorded is played as well', async () => {
  await using edge = await startRecording();
  await record(edge, 2000);
  const { roomId, recordings } = edge.rooms;
  const folders = path.join(edge.dataFolder, 'recordings');
  await rename(path.join(folders, 'test'), path.join(folders, 'media-2'));
  edge.rooms.recordings.splice(0, recordings.length, { ...done(edge)[0], folder: 'media-2' });
  const file = await get(edge, `${roomId}/${edge.rooms.recordings[0].startedAtMs}.mp4`);
  expect(indexOf(Buffer.from(await file.arrayBuffer())).entries).toHaveLength(2);
  expect(await (await get(edge, `${roomId}.m3u8`)).text()).toContain('#EXTINF:2');
});

test('while it is still recorded, a replay has what is written by then', async () => {
  await using edge = await startRecording();
  await using sender = await TestSender.start(edge, tags);
  sender.send({ toMs: 6000 });
  const path = `${edge.rooms.roomId}.m3u8`;
  const segments = async () => (await (await get(edge, path)).text()).match(/#EXTINF/g)?.length;
  await expect.poll(segments, patient).toBe(1);
  const [begun] = edge.rooms.recordings;
  const file = `${edge.rooms.roomId}/${begun.startedAtMs}.mp4`;
  const young = await get(edge, file);
  expect(young.headers.get('cache-control')).toBe('no-store');
  const bytes = Buffer.from(await young.arrayBuffer());
  expect(indexOf(bytes).wholeBytes).toBe(bytes.length);
  sender.send({ fromMs: 6000, toMs: 10_500 });
  await expect.poll(segments, patient).toBe(2);
});

test('a private room asks for a signature, and gives it on to what the playlist names', async () => {
  const key = { kid: 'k1', secret: Buffer.alloc(32, 7) };
  await using edge = await startRecording({ playKeys: [key] });
  edge.rooms.visibility = Visibility.PRIVATE;
  await record(edge, 2000);
  const { roomId } = edge.rooms;
  const path = `${roomId}.m3u8`;
  const file = `${roomId}/${done(edge)[0].startedAtMs}.mp4`;
  for (const asked of [path, file]) {
    const refused = await get(edge, asked);
    expect([refused.status, await codeOf(refused)]).toEqual([403, 'PLAY_SIGNATURE_WRONG']);
  }
  const query = playQuery({ roomId, key, expiresAtMs: Date.now() + 60_000 });
  const text = await (await get(edge, `${path}?${query}`)).text();
  const uri = text.split('\n').find((line) => line.startsWith(file))!;
  expect((await get(edge, uri)).status).toBe(200);
  expect((await get(edge, uri)).headers.get('cache-control')).toContain('private');
});

test('what is not there, elsewhere, or no address is told apart', async () => {
  await using edge = await startRecording({ env: { GALA_RECORD_FORMATS: 'flv' } });
  const { roomId } = edge.rooms;
  expect(await codeOf(await get(edge, `${roomId}.m3u8`))).toBe('REPLAY_UNKNOWN');
  expect(await codeOf(await get(edge, '../../etc/passwd'.replaceAll('/', '%2f')))).toBe('REPLAY_UNKNOWN');
  await record(edge, 2000);
  const [flv] = done(edge);
  const waited = async () => (await get(edge, `${roomId}/${flv.startedAtMs}.flv`)).status;
  await expect.poll(waited, patient).toBe(200);
  expect(await codeOf(await get(edge, `${roomId}/1.flv`))).toBe('REPLAY_UNKNOWN');
  // FLV is for downloads.
  expect(await codeOf(await get(edge, `${roomId}.m3u8`))).toBe('CODEC_UNSUPPORTED');
  edge.rooms.recordings.push({ ...flv, startedAtMs: 5n, format: 'mp4', folder: 'another-machine' });
  const elsewhere = async () => codeOf(await get(edge, `${roomId}/5.mp4`));
  await expect.poll(elsewhere, patient).toBe('REPLAY_ELSEWHERE');
  expect(await codeOf(await get(edge, `${roomId}.m3u8`))).toBe('REPLAY_ELSEWHERE');
  const post = await fetch(urlOf(edge, `${roomId}.m3u8`), { method: 'POST' });
  expect(post.status).toBe(405);
});

test('readers are bounded, and one that takes nothing is closed', async () => {
  await using edge = await startRecording({
    env: { GALA_RECORD_READERS_PER_ADDRESS_MAX: '1', GALA_RECORD_READ_IDLE_MS: '1000' },
  });
  await record(edge, 600_000);
  const path = `${edge.rooms.roomId}/${done(edge)[0].startedAtMs}.mp4`;
  const stalled = connect(edge.port, '127.0.0.1').pause();
  stalled.write(`GET /live/replay/${path} HTTP/1.1\r\nHost: edge\r\n\r\n`);
  await expect.poll(() => edge.metric('gala_replay_readers'), patient).toBe(1);
  expect(await codeOf(await get(edge, path))).toBe('TOO_MANY_VIEWERS');
  await expect.poll(() => edge.metric('gala_recording_readers_cut_total'), patient).toBe(1);
  await expect.poll(() => edge.metric('gala_replay_readers'), patient).toBe(0);
  stalled.resume();
  await once(stalled, 'close');
  expect((await get(edge, path)).status).toBe(200);
}, 60_000);
