import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { systemClock } from '@gala/lib/clock';
import { loadSettings } from '@gala/lib/config';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { expect, test } from 'vitest';
import { edgeSection } from '../config.ts';
import { EdgeEvents } from '../events.ts';
import { Fanout } from '../fanout.ts';
import { Stream } from '../stream.ts';
import { bodies, FlvReading, TestPublisher } from '../testing.ts';
import { RelayEvents } from './events.ts';
import { Feed } from './feed.ts';
import { readNotice } from './notice.ts';

const logger = createLogger({ name: 'test', level: 'silent' });

/** A stream on air, and a real connection that its feed writes to. */
async function start() {
  const media = { record: false, forwardUrls: [] };
  const identity = { roomId: 5, hostName: 'anna', isPrivate: false, holdMs: 1_000, media };
  const stream = new Stream({
    identity,
    clock: systemClock,
    config: loadSettings([edgeSection], { env: {} }).get(edgeSection),
    fanout: new Fanout(systemClock),
    events: new EdgeEvents(logger, createMetrics('test')),
    onState: () => undefined,
  });
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as { port: number }).port, '127.0.0.1');
  const [socket] = (await once(server, 'connection')) as [Socket];
  socket.on('error', () => undefined);
  client.on('error', () => undefined);
  const publisher = new TestPublisher();
  const send = (timestampMs: number, ...payloads: Buffer[]): void => {
    for (const payload of payloads) {
      const kind = payload[0] >> 4 === 10 ? 'audio' : 'video';
      stream.append(publisher, { kind, timestampMs, payload });
    }
  };
  const dispose = (): void => {
    stream.end('test');
    client.destroy();
    server.close();
  };
  return { stream, publisher, send, socket, client, [Symbol.dispose]: dispose };
}

test('who feeds is said first, one read of the publisher is one write, and the end is told', async () => {
  using feeding = await start();
  const { stream, publisher, send, socket, client } = feeding;
  const reading = new FlvReading();
  const seen: string[] = [];
  client.on('data', (bytes: Buffer) => {
    for (const tag of reading.read(bytes)) {
      const notice = readNotice(tag);
      seen.push(
        notice ? (notice.kind === 'publisher' ? `epoch ${notice.publisher.epoch}` : notice.kind) : tag.type,
      );
    }
  });
  stream.attach(publisher, 3);
  const events = new RelayEvents(logger, createMetrics('test'));
  void new Feed(stream, socket, events);
  await expect.poll(() => seen).toEqual(['epoch 3']);
  let writes = 0;
  const write = socket.write.bind(socket);
  socket.write = (bytes: string | Uint8Array) => {
    writes++;
    return write(bytes);
  };
  send(0, bodies.videoHeader(), bodies.audioHeader, bodies.keyFrame(), bodies.audioFrame());
  await expect.poll(() => seen.filter((each) => each === 'video' || each === 'audio').length).toBe(4);
  expect(writes).toBe(1);
  stream.end('over');
  await expect.poll(() => seen.at(-1)).toBe('end');
  await expect.poll(() => client.closed).toBe(true);
});

test('a reader that takes nothing is closed at the bound, and the stream is told nothing more', async () => {
  using feeding = await start();
  const { stream, publisher, send, socket, client } = feeding;
  client.pause();
  stream.attach(publisher, 1);
  const events = new RelayEvents(logger, createMetrics('test'));
  void new Feed(stream, socket, events);
  send(0, bodies.videoHeader(), bodies.audioHeader, bodies.keyFrame(), bodies.audioFrame());
  const large = Buffer.concat([bodies.interFrame(), Buffer.alloc(4 * 1024 * 1024)]);
  for (let index = 1; index <= 12 && !socket.destroyed; index++) {
    send(index * 40, large);
    await new Promise(setImmediate);
  }
  expect(socket.destroyed).toBe(true);
  expect(events.counters.feedsOverflown).toBe(1);
  await expect.poll(() => stream.outputCount).toBe(0);
});
