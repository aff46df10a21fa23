import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FeedError, StreamFeed } from './feed.ts';

const header = Buffer.from([0x46, 0x4c, 0x56, 1, 1, 0, 0, 0, 9, 0, 0, 0, 0]);
const frame = (timeMs: number): Buffer =>
  Buffer.from([9, 0, 0, 3, 0, timeMs >> 8, timeMs & 0xff, 0, 0, 0, 0, 0x27, 1, 7, 0, 0, 0, 14]);

let server: Server;
let url: string;
let respond: (response: ServerResponse) => void;
let leaving: Promise<void>;

beforeEach(async () => {
  const left = Promise.withResolvers<void>();
  leaving = left.promise;
  server = createServer((_, response) => {
    response.on('close', left.resolve);
    respond(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/live/7.flv`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const open = (startSeconds: number): StreamFeed =>
  new StreamFeed({ protocol: 'http-flv', url, startSeconds });

/** Reads until the feed ends, and gives the chunks. */
function readAll(feed: StreamFeed, onChunk: (count: number) => void = () => undefined): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    feed.read({
      onData: (chunk) => onChunk(chunks.push(Buffer.from(chunk))),
      onEnd: () => resolve(chunks),
    });
  });
}

test('media is gathered up to the wanted cushion and handed on in one piece, then as it comes', async () => {
  let stream: ServerResponse | undefined;
  respond = (response) => {
    stream = response;
    response.write(Buffer.concat([header, frame(1_000)]));
  };
  const feed = open(0.5);
  await feed.opened;
  const reading = readAll(feed, (count) => (count === 1 ? stream?.write(frame(1_540)) : stream?.end()));
  stream?.write(frame(1_200));
  stream?.write(frame(1_500));
  const chunks = await reading;
  expect(chunks).toEqual([Buffer.concat([header, frame(1_000), frame(1_200), frame(1_500)]), frame(1_540)]);
});

test('a stream that brings too little starts with what is there', async () => {
  respond = (response) => response.write(Buffer.concat([header, frame(1_000)]));
  const feed = open(5);
  const first = await new Promise((resolve) => {
    feed.read({ onData: (chunk) => resolve(Buffer.from(chunk)), onEnd: () => resolve('ended') });
  });
  expect(first).toEqual(Buffer.concat([header, frame(1_000)]));
  feed.close();
});

test('a refusal of the edge keeps its code', async () => {
  respond = (response) =>
    response.writeHead(503).end(JSON.stringify({ error: { code: 'TOO_MANY_VIEWERS' } }));
  const error = await open(0.5).opened.catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(FeedError);
  expect(error).toMatchObject({ code: 'TOO_MANY_VIEWERS' });
});

test('a closed port is a failure without a code', async () => {
  await new Promise((resolve) => server.close(resolve));
  const error = await open(0.5).opened.catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(FeedError);
  expect(error).toMatchObject({ code: undefined });
});

test('closing the feed closes the connection', async () => {
  respond = (response) => response.write(header);
  const feed = open(0.5);
  await feed.opened;
  feed.close();
  await leaving;
});

test('a stream that nobody reads is given up at its bound', async () => {
  respond = (response) => {
    const piece = Buffer.alloc(1 << 20);
    const pump = (): void => {
      while (response.writable && response.write(piece));
    };
    response.on('drain', pump);
    response.write(Buffer.concat([header, frame(1_000)]));
    pump();
  };
  await open(0).opened;
  await leaving;
});
