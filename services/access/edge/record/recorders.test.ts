import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { RecordingState } from '@gala/protocol/room';
import { FlvTagReader } from '@gala/media/flv';
import { FragmentIndex } from '@gala/media/mp4';
import { expect, test } from 'vitest';
import { readFlvTags } from '../../../../media/fixtures/flv.ts';
import { startTestEdge, type TestEdge } from '../testing-edge.ts';
import { groupMs, TestSender } from './testing.ts';

/**
 * Goal: what is recorded is what was sent, part by part, and the broadcast never depends on it.
 * Method: the edge role on real sockets, a publisher of real H.264 and AAC, the files read back.
 */
const tags = readFlvTags();
const patient = { timeout: 15_000 };
const recordingsIn = (edge: TestEdge) => path.join(edge.dataFolder, 'recordings', 'test', 'blobs');

async function filesOf(edge: TestEdge, extension: string): Promise<string[]> {
  const names = await readdir(recordingsIn(edge), { recursive: true }).catch(() => []);
  return names.filter((name) => name.endsWith(`.${extension}`)).toSorted();
}

async function indexOf(edge: TestEdge, name: string): Promise<FragmentIndex> {
  const bytes = await readFile(path.join(recordingsIn(edge), name));
  const index = new FragmentIndex(bytes.length);
  for (let read = index.wanted; read; read = index.wanted) {
    index.push(bytes.subarray(read.offset, read.offset + read.bytes));
  }
  expect(index.wholeBytes).toBe(bytes.length);
  return index;
}

const reported = (edge: TestEdge, state: RecordingState) =>
  edge.rooms.recordings.filter((recording) => recording.state === state);

async function startRecording(env: Record<string, string> = {}): Promise<TestEdge> {
  const edge = await startTestEdge({ env });
  edge.rooms.media = { record: true };
  return edge;
}

test('a broadcast of a host who wants it is recorded to its end, each group of pictures when it is over', async () => {
  await using edge = await startRecording();
  const sender = await TestSender.start(edge, tags);
  sender.send({ toMs: 5000 });
  await expect.poll(() => filesOf(edge, 'mp4'), patient).toHaveLength(1);
  const [name] = await filesOf(edge, 'mp4');
  await expect.poll(async () => (await indexOf(edge, name)).entries.length, patient).toBe(4);
  expect(reported(edge, RecordingState.RECORDING)).toHaveLength(1);
  expect(await edge.metric('gala_recording_streams')).toBe(1);

  await sender[Symbol.asyncDispose]();
  await expect.poll(() => reported(edge, RecordingState.DONE), patient).toHaveLength(1);
  const [done] = reported(edge, RecordingState.DONE);
  const index = await indexOf(edge, name);
  expect(index.entries).toHaveLength(5);
  expect(Math.abs(index.durationMs - 5000)).toBeLessThan(60);
  expect(done).toMatchObject({
    format: 'mp4',
    folder: 'test',
    reason: 'held',
    bytes: BigInt(index.wholeBytes),
  });
  expect(Math.abs(Number(done.durationMs) - 5000)).toBeLessThan(60);
  expect(name).toBe(`${edge.rooms.roomId}/${done.startedAtMs}.mp4`);
  expect(Math.abs(Number(done.startedAtMs) - Date.now())).toBeLessThan(60_000);
});

test('nothing is recorded of a host who does not want it', async () => {
  await using edge = await startTestEdge();
  await using sender = await TestSender.start(edge, tags);
  sender.send({ toMs: 3000 });
  await expect.poll(() => edge.rooms.events, patient).toContain('STARTED');
  expect(await filesOf(edge, 'mp4')).toEqual([]);
  expect(await edge.metric('gala_recording_streams')).toBe(0);
});

test('record.all records everybody; FLV beside MP4 has the same pictures on a clock from 0', async () => {
  await using edge = await startTestEdge({
    env: { GALA_RECORD_ALL: 'true', GALA_RECORD_FORMATS: 'mp4,flv' },
  });
  const sender = await TestSender.start(edge, tags);
  sender.send({ toMs: 3000 });
  await sender[Symbol.asyncDispose]();
  await expect.poll(() => reported(edge, RecordingState.DONE), patient).toHaveLength(2);
  const [flv] = await filesOf(edge, 'flv');
  const reader = new FlvTagReader();
  reader.append(await readFile(path.join(recordingsIn(edge), flv)));
  const times: number[] = [];
  for (let tag = reader.next(); tag; tag = reader.next())
    if (tag.type === 'video') times.push(tag.timestampMs);
  expect(times[0]).toBe(0);
  // The sequence header, and 25 pictures a second.
  expect(times).toHaveLength(76);
  expect(Math.abs(times.at(-1)! - 2960)).toBeLessThan(5);
  expect(reader.header).toEqual({ hasAudio: true, hasVideo: true });
});

test('a publisher who comes back begins another part, and what was held between is not in it', async () => {
  await using edge = await startRecording();
  const first = await TestSender.start(edge, tags);
  first.send({ toMs: 2000 });
  await first[Symbol.asyncDispose]();
  await expect.poll(() => reported(edge, RecordingState.DONE), patient).toHaveLength(1);
  await expect.poll(() => edge.metric('gala_edge_tags_in_total'), patient).toBeGreaterThan(150);
  const second = await TestSender.start(edge, tags);
  second.send({ toMs: 3000 });
  // Taken over without a hold.
  const third = await TestSender.start(edge, tags);
  third.send({ toMs: 1000 });
  await third[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
  await expect.poll(() => reported(edge, RecordingState.DONE), patient).toHaveLength(3);
  const names = await filesOf(edge, 'mp4');
  const durations = await Promise.all(names.map(async (name) => (await indexOf(edge, name)).durationMs));
  expect(durations.map((ms) => Math.round(ms / groupMs))).toEqual([2, 3, 1]);
  expect(reported(edge, RecordingState.DONE).map(({ reason }) => reason)).toEqual([
    'held',
    'taken_over',
    'held',
  ]);
});

test('switched off while on air it ends with the next publish, and the broadcast goes on', async () => {
  await using edge = await startRecording();
  await using first = await TestSender.start(edge, tags);
  first.send({ toMs: 2000 });
  await expect.poll(() => filesOf(edge, 'mp4'), patient).toHaveLength(1);
  edge.rooms.media = { record: false };
  await using second = await TestSender.start(edge, tags);
  second.send({ toMs: 2000 });
  await expect.poll(() => edge.metric('gala_recording_streams'), patient).toBe(0);
  edge.rooms.media = { record: true };
  await using third = await TestSender.start(edge, tags);
  third.send({ toMs: 2000 });
  await expect.poll(() => edge.metric('gala_recording_streams'), patient).toBe(1);
  expect(await edge.metric('gala_edge_streams')).toBe(1);
});

test('a codec that MP4 has no form for is kept as FLV, and said', async () => {
  await using edge = await startRecording();
  // VP6 and MP3, as old encoders send them.
  const picture = (isKey: boolean) => Buffer.from([isKey ? 0x14 : 0x24, 0, 1, 2, 3]);
  const sender = await TestSender.start(edge, []);
  for (let frame = 0; frame < 100; frame++) {
    sender.video(frame * 40, picture(frame % 25 === 0));
    sender.audio(frame * 40, Buffer.from([0x2f, 0xff, 0xfb, frame]));
  }
  await sender[Symbol.asyncDispose]();
  await expect.poll(() => reported(edge, RecordingState.DONE), patient).toHaveLength(1);
  expect(reported(edge, RecordingState.DONE)[0]).toMatchObject({ format: 'flv', durationMs: 3960n });
  expect(await filesOf(edge, 'mp4')).toEqual([]);
  expect(await edge.metric('gala_recording_unsupported_total')).toBe(1);
});

test('other set-up in the middle begins another part, and no picture is lost', async () => {
  await using edge = await startRecording();
  const sender = await TestSender.start(edge, tags);
  sender.send({ toMs: 2000 });
  // The same stream described otherwise: the level of its SPS.
  const header = Buffer.from(tags.find(({ type, payload }) => type === 'video' && payload[1] === 0)!.payload);
  header[8] ^= 1;
  sender.video(2000, header);
  sender.send({ fromMs: 2000, toMs: 4000 });
  await sender[Symbol.asyncDispose]();
  await expect.poll(() => reported(edge, RecordingState.DONE), patient).toHaveLength(2);
  const names = await filesOf(edge, 'mp4');
  const indexes = await Promise.all(names.map((name) => indexOf(edge, name)));
  expect(indexes.map(({ durationMs }) => Math.round(durationMs / groupMs))).toEqual([2, 2]);
  expect(reported(edge, RecordingState.DONE)[0].reason).toBe('set_up_changed');
});

test('reports wait out an outage of the room service, the newest state alone', async () => {
  await using edge = await startRecording();
  const sender = await TestSender.start(edge, tags);
  sender.send({ toMs: 1000 });
  await expect.poll(() => filesOf(edge, 'mp4'), patient).toHaveLength(1);
  await expect.poll(() => reported(edge, RecordingState.RECORDING), patient).toHaveLength(1);
  edge.rooms.isReachable = false;
  sender.send({ fromMs: 1000, toMs: 2000 });
  await sender[Symbol.asyncDispose]();
  await expect.poll(() => edge.metric('gala_recording_reports_waiting'), patient).toBe(1);
  await expect
    .poll(() => edge.logLines.join('').includes('a report of a recording failed'), patient)
    .toBe(true);
  edge.rooms.isReachable = true;
  await expect.poll(() => reported(edge, RecordingState.DONE), patient).toHaveLength(1);
  expect(await edge.metric('gala_recording_reports_waiting')).toBe(0);
});

test('what a host removed is removed from the folder, and said', async () => {
  await using edge = await startRecording();
  const sender = await TestSender.start(edge, tags);
  sender.send({ toMs: 1000 });
  await sender[Symbol.asyncDispose]();
  await expect.poll(() => reported(edge, RecordingState.DONE), patient).toHaveLength(1);
  edge.rooms.removals = [...reported(edge, RecordingState.DONE)];
  await expect.poll(() => readdir(recordingsIn(edge)), patient).toEqual([]);
  await expect.poll(() => reported(edge, RecordingState.REMOVED), patient).toHaveLength(1);
});

test('at the budget the oldest recordings go, and a stream too large for it is told and goes on', async () => {
  await using edge = await startRecording({ GALA_RECORD_BYTES_MAX: '1048576' });
  for (let round = 0; round < 4; round++) {
    const sender = await TestSender.start(edge, tags);
    sender.send({ toMs: 30_000 });
    await sender[Symbol.asyncDispose]();
    await expect.poll(() => reported(edge, RecordingState.DONE), patient).toHaveLength(round + 1);
  }
  const [oldest] = reported(edge, RecordingState.DONE);
  const removed = reported(edge, RecordingState.REMOVED);
  expect(removed.length).toBeGreaterThan(0);
  expect(removed[0].startedAtMs).toBe(oldest.startedAtMs);
  expect(await edge.metric('gala_recordings_bytes')).toBeLessThanOrEqual(1_048_576);

  const sender = await TestSender.start(edge, tags);
  sender.send({ toMs: 200_000 });
  await expect.poll(() => reported(edge, RecordingState.FAILED), patient).toHaveLength(1);
  const [failed] = reported(edge, RecordingState.FAILED);
  expect(failed.reason).toBe('budget');
  const [name] = await filesOf(edge, 'mp4');
  expect((await indexOf(edge, name)).durationMs).toBeCloseTo(Number(failed.durationMs), -1);
  expect(edge.rooms.events).not.toContain('STOPPED');
  await sender[Symbol.asyncDispose]();
}, 60_000);

test('on a disk that is nearly full nothing is recorded, and the broadcast goes on', async () => {
  await using edge = await startRecording({
    GALA_RECORD_DISK_USED_PERCENT_MAX: '0',
    GALA_RECORD_DISK_SPARE_BYTES: String(Number.MAX_SAFE_INTEGER),
  });
  await using sender = await TestSender.start(edge, tags);
  sender.send({ toMs: 3000 });
  await expect.poll(() => edge.rooms.events, patient).toContain('STARTED');
  expect(await filesOf(edge, 'mp4')).toEqual([]);
  expect(await edge.metric('gala_recordings_disk_full')).toBe(1);
});
