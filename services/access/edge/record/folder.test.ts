import { mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openFolderBlobs, type BlobStore } from '@gala/lib/blob';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { encodeFlvHeader, encodeTag } from '@gala/media/flv';
import { FlvUnitReader, FragmentIndex, type TrackConfig } from '@gala/media/mp4';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readFlvTags } from '../../../../media/fixtures/flv.ts';
import { makeTag } from '../testing.ts';
import { RecordEvents } from './events.ts';
import { Library } from './library.ts';
import { Mp4File } from './mp4-file.ts';
import { QueuedFile } from './queued-file.ts';
import { keyOf, type FinishedPart, type RecordingReport } from './recording.ts';
import { closeLostPart, readIndex } from './recovery.ts';

/**
 * Goal: what a process left in its folder is found again, whatever moment it died at, and a disk that does not keep up
 * costs pictures and nothing else.
 * Method: real folders; files torn at every kind of place; writes that wait until the test lets them go.
 */
let folder: string;
let store: BlobStore;
let sent: RecordingReport[];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'gala-record-'));
  store = await openFolderBlobs({ folder, bytesMax: 1e8, metrics: createMetrics('test') });
  sent = [];
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const name = { roomId: 7, startedAtMs: 1000 };
const noRoomNeeded = async (): Promise<void> => undefined;
const fileOf = (key: string) => path.join(folder, 'blobs', key);

function openLibrary(): Library {
  const events = new RecordEvents(createLogger({ name: 'test', level: 'silent' }), createMetrics('test'));
  return new Library({ store, events, send: (report) => sent.push(report) });
}

const reader = new FlvUnitReader();
const units = readFlvTags().flatMap((tag) => reader.read(tag, tag.timestampMs).unit ?? []);
const configs: readonly TrackConfig[] = reader.configs;

interface Writing {
  readonly queueBytesMax?: number;
  readonly makeRoom?: () => Promise<void>;
  readonly onLeftOut?: (isFirst: boolean) => void;
}

/** Writes the fixture over and over as one recording. */
async function writeMp4({ rounds, ...writing }: Writing & { rounds: number }): Promise<void> {
  const { queueBytesMax = 1e7, makeRoom = noRoomNeeded, onLeftOut = () => undefined } = writing;
  const onFailed = (error: unknown): never => {
    throw error;
  };
  const key = keyOf(name, 'mp4');
  const file = new QueuedFile({ store, key, queueBytesMax, makeRoom, onFailed });
  const mp4 = new Mp4File({ file, configs, baseMs: 0, fragmentMs: 4000, onLeftOut });
  for (let round = 0; round < rounds; round++) {
    for (const unit of units) mp4.push(makeTag({}), { ...unit, dtsMs: unit.dtsMs + round * 2000 });
  }
  mp4.end();
  await file.close();
}

test.each([1, 9, 100, 3000])(
  'a recording torn %i bytes before its end loses its last fragment',
  async (torn) => {
    await writeMp4({ rounds: 3 });
    const key = keyOf(name, 'mp4');
    const { bytes } = await store.stat(key);
    const whole = await readIndex(store, key, new FragmentIndex(bytes));
    await truncate(fileOf(key), bytes - torn);
    const part = await closeLostPart(store, { ...name, formats: ['mp4'] });
    const last = whole.entries.at(-1)!;
    expect(part).toMatchObject({
      ...name,
      state: 'done',
      reason: 'lost',
      files: [{ format: 'mp4', bytes: last.offset }],
    });
    expect(Math.abs(part!.durationMs - 5000)).toBeLessThan(60);
    expect((await store.stat(key)).bytes).toBe(last.offset);
  },
);

test('FLV is cut behind its last whole tag, and what has no picture at all is dropped', async () => {
  const tags = [0, 40, 80].map((timestampMs) =>
    encodeTag({ type: 'video', timestampMs, payload: Buffer.alloc(9) }),
  );
  const bytes = Buffer.concat([encodeFlvHeader({ hasAudio: false, hasVideo: true }), ...tags]);
  await store.put(keyOf(name, 'flv'), bytes.subarray(0, -1));
  await store.put(keyOf(name, 'mp4'), Buffer.from('half a mo'));
  const part = await closeLostPart(store, { ...name, formats: ['mp4', 'flv'] });
  expect(part).toMatchObject({
    durationMs: 40,
    files: [{ format: 'flv', bytes: bytes.length - tags[2].length }],
  });
  await expect(store.stat(keyOf(name, 'mp4'))).rejects.toMatchObject({ code: 'BLOB_UNKNOWN' });
  const other = { roomId: 8, startedAtMs: 1 };
  await store.put(keyOf(other, 'mp4'), Buffer.alloc(0));
  expect(await closeLostPart(store, { ...other, formats: ['mp4'] })).toBeUndefined();
});

const finished = (startedAtMs: number): FinishedPart => ({
  roomId: 7,
  startedAtMs,
  durationMs: 5,
  state: 'done',
  reason: 'held',
  files: [{ format: 'mp4', bytes: 4 }],
});

test('a library opened again knows its parts, tells what was not heard, and finds those without a note', async () => {
  const library = openLibrary();
  for (const startedAtMs of [1, 2, 3]) await store.put(`7/${startedAtMs}.mp4`, Buffer.from('data'));
  await library.add(finished(1));
  await library.add(finished(2));
  await library.delivered(sent[0]);
  sent = [];
  const again = openLibrary();
  expect(await again.open()).toEqual([{ roomId: 7, startedAtMs: 3, formats: ['mp4'] }]);
  expect(again.size).toBe(2);
  expect(sent).toEqual([{ ...sent[0], roomId: 7, startedAtMs: 2, state: 'done', reason: 'held' }]);
});

test('a note that was cut short counts for none', async () => {
  await store.put('7/1.mp4', Buffer.from('data'));
  await store.put('7/1.json', Buffer.from('{"durationMs":5,'));
  expect(await openLibrary().open()).toEqual([{ roomId: 7, startedAtMs: 1, formats: ['mp4'] }]);
});

test('old recordings expire, the oldest first, and are told as removed', async () => {
  const library = openLibrary();
  for (const startedAtMs of [3000, 1000, 2000]) {
    await store.put(`7/${startedAtMs}.mp4`, Buffer.from('data'));
    await library.add(finished(startedAtMs));
  }
  sent = [];
  await library.expire(4000, 1500);
  expect(sent.map(({ startedAtMs, state }) => [startedAtMs, state])).toEqual([
    [1000, 'removed'],
    [2000, 'removed'],
  ]);
  expect((await store.list('')).blobs.map(({ key }) => key)).toEqual(['7/3000.json', '7/3000.mp4']);
});

test('a disk that does not keep up costs whole groups of pictures, and the file stays playable', async () => {
  const gate = Promise.withResolvers<void>();
  const leftOut: boolean[] = [];
  const groupBytes = units.reduce((sum, { payload }) => sum + payload.length, 0) / 2;
  const written = writeMp4({
    rounds: 10,
    queueBytesMax: Math.round(groupBytes * 4),
    makeRoom: () => gate.promise,
    onLeftOut: (isFirst) => leftOut.push(isFirst),
  });
  gate.resolve();
  await written;
  expect(leftOut[0]).toBe(true);
  expect(leftOut.slice(1, -1)).not.toContain(true);
  const key = keyOf(name, 'mp4');
  const index = await readIndex(store, key, new FragmentIndex((await store.stat(key)).bytes));
  expect(index.wholeBytes).toBe((await store.stat(key)).bytes);
  expect(index.entries.every(({ keyFrame }) => keyFrame)).toBe(true);
  expect(index.entries.length + leftOut.length).toBe(20);
});
