import { once } from 'node:events';
import { connect } from 'node:net';
import type { RtmpClient } from '@gala/media-io/rtmp';
import { expect, test } from 'vitest';
import { FlvViewer } from '../../../../test/harness/flv-viewer.ts';
import { publish, startTestEdge, type TestEdge } from '../testing-edge.ts';
import { bodies } from '../testing.ts';

const quick = { GALA_PULL_PRIVATE_SOURCES: 'true', GALA_PULL_IDLE_MS: '1000' };

/** An edge whose host names another edge's stream as his source. */
async function startPair(way: 'rtmp' | 'http', env: Record<string, string> = quick) {
  await using stack = new AsyncDisposableStack();
  const origin = stack.use(await startTestEdge());
  const edge = stack.use(await startTestEdge({ env }));
  const ref = `${origin.rooms.roomId}`;
  const sourceUrl =
    way === 'rtmp' ? `${origin.rtmpUrl}/${ref}` : `http://127.0.0.1:${origin.port}/live/${ref}.flv`;
  edge.rooms.media = { sourceUrl };
  const owned = stack.move();
  return { origin, edge, sourceUrl, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const urlOf = (edge: TestEdge) => `http://127.0.0.1:${edge.port}/live/@anna.flv?latency=realtime`;

/** Sends a picture every 40 ms until it is disposed. */
function keepSending(client: RtmpClient): Disposable {
  let timestampMs = 0;
  const timer = setInterval(() => {
    timestampMs += 40;
    const isKey = timestampMs % 400 === 0;
    client.sendVideo(timestampMs, isKey ? bodies.keyFrame() : bodies.interFrame(timestampMs % 256));
  }, 40);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

const pulls = (edge: TestEdge, name: string) => edge.metric(`gala_pull_${name}_total`);

test.each(['rtmp', 'http'] as const)(
  'a source is pulled by %s once for all viewers, and let go when idle',
  async (way) => {
    await using pair = await startPair(way);
    const { origin, edge } = pair;
    await using publisher = await publish(origin);
    using _sending = keepSending(publisher.client);
    const opened = await Promise.all(Array.from({ length: 20 }, () => FlvViewer.open(urlOf(edge))));
    for (const viewer of opened) await expect.poll(() => viewer.pictures.length).toBeGreaterThan(5);
    expect(await origin.metric('gala_edge_viewers')).toBe(1);
    expect(await pulls(edge, 'began')).toBe(1);
    expect(edge.rooms.events).toContain('STARTED');
    for (const viewer of opened) await viewer[Symbol.asyncDispose]();
    await expect.poll(() => origin.metric('gala_edge_viewers')).toBe(0);
    expect(await edge.metric('gala_edge_streams')).toBe(0);
    await expect.poll(() => edge.rooms.events.at(-1)).toBe('STOPPED');
    expect(edge.rooms.reports.at(-1)?.reason).toBe('source_idle');
  },
);

test('a source that is lost is held and goes on for the same viewers', async () => {
  await using pair = await startPair('rtmp');
  const { origin, edge } = pair;
  {
    await using publisher = await publish(origin);
    using _sending = keepSending(publisher.client);
    await using viewer = await FlvViewer.open(urlOf(edge));
    await expect.poll(() => viewer.pictures.length).toBeGreaterThan(5);
    origin.rooms.stopRoomIds = [origin.rooms.roomId];
    await expect.poll(() => pulls(edge, 'lost')).toBe(1);
    origin.rooms.stopRoomIds = [];
    await using again = await publish(origin);
    using _again = keepSending(again.client);
    await expect.poll(() => edge.rooms.events.filter((event) => event === 'STARTED').length).toBe(2);
    const before = viewer.pictures.length;
    await expect.poll(() => viewer.pictures.length).toBeGreaterThan(before + 20);
    expect(viewer.isEnded).toBe(false);
  }
});

test('a publisher with the key takes over from the source', async () => {
  await using pair = await startPair('http');
  const { origin, edge } = pair;
  await using publisher = await publish(origin);
  using _sending = keepSending(publisher.client);
  await using viewer = await FlvViewer.open(urlOf(edge));
  await expect.poll(() => viewer.pictures.length).toBeGreaterThan(5);
  await using own = await publish(edge);
  using _own = keepSending(own.client);
  await expect.poll(() => pulls(edge, 'ended')).toBe(1);
  await expect.poll(() => origin.metric('gala_edge_viewers')).toBe(0);
  const before = viewer.pictures.length;
  await expect.poll(() => viewer.pictures.length).toBeGreaterThan(before + 5);
});

const statusOf = async (url: string) => (await fetch(url)).status;

test('without a source, with a dead one or a private address nothing is on air, and nothing is told of it', async () => {
  await using edge = await startTestEdge({ env: quick });
  expect(await statusOf(urlOf(edge))).toBe(404);
  expect(await statusOf(urlOf(edge).replace('@anna', '@nobody'))).toBe(404);
  await using dead = await startPair('rtmp');
  dead.edge.rooms.media = { sourceUrl: 'rtmp://127.0.0.1:1/live/secret' };
  expect(await statusOf(urlOf(dead.edge))).toBe(404);
  expect(await pulls(dead.edge, 'failed')).toBe(1);
  expect(await statusOf(urlOf(dead.edge))).toBe(404);
  expect(await pulls(dead.edge, 'failed')).toBe(1);
  expect(dead.edge.logLines.join('')).not.toContain('secret');
  await using kept = await startPair('rtmp', {});
  await using publisher = await publish(kept.origin);
  void publisher;
  expect(await statusOf(urlOf(kept.edge))).toBe(404);
  expect(kept.edge.logLines.join('')).toContain('ADDRESS_NOT_PUBLIC');
});

test('HLS of a source is pulled as well', async () => {
  await using pair = await startPair('rtmp');
  await using publisher = await publish(pair.origin);
  using _sending = keepSending(publisher.client);
  const socket = connect(pair.edge.port, '127.0.0.1');
  socket.write('GET /live/@anna.m3u8 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  await expect.poll(() => pulls(pair.edge, 'began')).toBe(1);
  socket.destroy();
  await once(socket, 'close');
});
