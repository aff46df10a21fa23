import { get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { waitUntil } from '@gala/lib/lifecycle';
import { systemClock } from '@gala/lib/clock';
import { expect, test } from 'vitest';
import { publish, startTestEdge, type TestEdge } from '../testing-edge.ts';
import { bodies, FlvReading, TestPublisher } from '../testing.ts';
import { Backup } from './backup.ts';

const wait = { timeoutMs: 5_000 };
const backupKey = '1.secret?backup=1';
/** The publishers of these tests say little, which is no sign of silence here. */
const patient = { GALA_BACKUP_SILENT_MS: '60000' };

/** A `realtime` viewer: what it got, as hex, each with its time. */
async function watch(edge: TestEdge) {
  const request = get({ port: edge.port, path: '/live/@anna.flv?latency=realtime', agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const reading = new FlvReading();
  const viewer = { payloads: [] as string[], timesMs: [] as number[], isEnded: false };
  response.on('data', (bytes: Buffer) => {
    for (const { payload, timestampMs, type } of reading.read(bytes)) {
      viewer.payloads.push(payload.toString('hex'));
      if (type === 'video') viewer.timesMs.push(timestampMs);
    }
  });
  response.on('error', () => undefined).on('close', () => (viewer.isEnded = true));
  const sees = (payload: Buffer) => waitUntil(() => viewer.payloads.includes(payload.toString('hex')), wait);
  return Object.assign(viewer, { sees, [Symbol.dispose]: () => void request.destroy() });
}

/** A backup that stands by with a group of pictures of its own, marked. */
async function standBy(edge: TestEdge, mark: number) {
  const backup = await publish(edge, { streamKey: backupKey });
  backup.client.sendVideo(40, bodies.keyFrame(mark));
  backup.client.sendVideo(80, bodies.interFrame(mark));
  await waitUntil(async () => (await edge.metric('gala_backup_held_bytes')) > 0, wait);
  return backup;
}

test('a backup begins no room, and nobody sees it while there is a publisher', async () => {
  await using edge = await startTestEdge({ env: patient });
  await using _backup = await standBy(edge, 7);
  expect({ epoch: edge.rooms.epoch, reports: edge.rooms.events }).toEqual({ epoch: 0, reports: [] });
  await using host = await publish(edge);
  using viewer = await watch(edge);
  host.client.sendVideo(33, bodies.keyFrame(1));
  await viewer.sees(bodies.keyFrame(1));
  expect(viewer.payloads).not.toContain(bodies.keyFrame(7).toString('hex'));
  expect(edge.rooms.epoch).toBe(1);
});

test('it is on air as soon as the publisher has gone, with a picture, and stands back when that returns', async () => {
  await using edge = await startTestEdge({ env: patient });
  const host = await publish(edge);
  await using backup = await standBy(edge, 7);
  using viewer = await watch(edge);
  await viewer.sees(bodies.keyFrame());
  await host[Symbol.asyncDispose]();
  await viewer.sees(bodies.interFrame(7));
  expect(viewer.payloads.indexOf(bodies.keyFrame(7).toString('hex'))).toBeGreaterThan(0);
  expect(edge.rooms.epoch).toBe(1);
  await using again = await publish(edge);
  again.client.sendVideo(40, bodies.keyFrame(2));
  await viewer.sees(bodies.keyFrame(2));
  expect(await edge.metric('gala_backup_stood_back_total')).toBe(1);
  backup.client.sendVideo(1_000, bodies.keyFrame(8));
  await again[Symbol.asyncDispose]();
  await viewer.sees(bodies.keyFrame(8));
  expect(backup.codes).toEqual(['NetStream.Publish.Start']);
  expect(viewer.timesMs).toEqual(viewer.timesMs.toSorted((a, b) => a - b));
  expect(viewer.isEnded).toBe(false);
});

test('a publisher that goes silent is told and replaced within a second', async () => {
  await using edge = await startTestEdge();
  await using host = await publish(edge);
  await using _backup = await standBy(edge, 7);
  using viewer = await watch(edge);
  await viewer.sees(bodies.keyFrame(7));
  expect(await host.ended).toBe('RTMP_REFUSED');
  expect(host.codes.at(-1)).toBe('NetStream.Publish.BadName');
  expect(await edge.metric('gala_backup_silent_replaced_total')).toBe(1);
});

test('a backup that comes into a hold is on air at once; the next one waits behind it', async () => {
  await using edge = await startTestEdge({ env: patient });
  const host = await publish(edge);
  await host[Symbol.asyncDispose]();
  await waitUntil(() => edge.rooms.events.at(-1) === 'HELD', wait);
  using viewer = await watch(edge);
  const first = await publish(edge, { streamKey: backupKey });
  first.client.sendVideo(40, bodies.keyFrame(7));
  await viewer.sees(bodies.keyFrame(7));
  await using _second = await standBy(edge, 8);
  await first[Symbol.asyncDispose]();
  await viewer.sees(bodies.keyFrame(8));
  expect(await edge.metric('gala_backup_put_on_air_total')).toBe(2);
});

test('a wrong key is refused, and so are more than a host may have', async () => {
  await using edge = await startTestEdge({ env: { ...patient, GALA_BACKUP_PER_HOST_MAX: '1' } });
  const detailOf = (streamKey: string) =>
    publish(edge, { streamKey }).catch(({ detail }: { detail: string }) => detail);
  expect(await detailOf('1.wrong?backup=1')).toBe('NetStream.Publish.BadName');
  await using _backup = await publish(edge, { streamKey: backupKey });
  expect(await detailOf(backupKey)).toBe('NetStream.Publish.Failed');
  expect(await edge.metric('gala_backup_refused_total')).toBe(2);
});

test('the end of the show is the end of its backups', async () => {
  await using edge = await startTestEdge({ env: patient });
  await using _host = await publish(edge);
  await using backup = await standBy(edge, 7);
  edge.rooms.stopRoomIds = [edge.rooms.roomId];
  expect(await backup.ended).toBe('RTMP_REFUSED');
  expect(backup.codes.at(-1)).toBe('NetStream.Unpublish.Success');
  expect(await edge.metric('gala_backup_publishers')).toBe(0);
});

test('a waiting backup holds its latest group of pictures and no more', () => {
  const connection = new TestPublisher();
  const backup = new Backup({ connection, hostName: 'Anna', clock: systemClock, onStoodBack: () => {} });
  const sizes: number[] = [];
  backup.append({ kind: 'video', timestampMs: 0, payload: bodies.videoHeader() });
  for (let index = 0; index < 1_000; index++) {
    const payload = index % 50 === 0 ? bodies.keyFrame() : bodies.interFrame();
    backup.append({ kind: 'video', timestampMs: index * 40, payload });
    sizes.push(backup.heldBytes);
  }
  expect(Math.max(...sizes)).toBe(sizes[49]);
  expect(sizes[49]).toBe(50 * sizes[0]);
});
