import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeFlvHeader, encodeTag, type FlvTag } from '@gala/media/flv';
import { expect, test } from 'vitest';
import { connectFlv } from './index.ts';

const tags: readonly FlvTag[] = [
  { type: 'video', timestampMs: 0, payload: Buffer.from([0x17, 0, 0, 0, 0]) },
  { type: 'audio', timestampMs: 2 ** 24 + 5, payload: Buffer.alloc(300, 1) },
];
const file = Buffer.concat([
  encodeFlvHeader({ hasAudio: true, hasVideo: true }),
  ...tags.map((tag) => encodeTag(tag)),
]);

async function serve(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/live/1.flv`;
  return {
    url,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await server[Symbol.asyncDispose]();
    },
  };
}

test('tags come in any pieces, and the end is told', async () => {
  const heard: FlvTag[] = [];
  let batches = 0;
  await using server = await serve((request, response) => {
    expect(request.headers.authorization).toBe('Bearer a');
    response.setHeader('X-Epoch', '7');
    for (let at = 0; at < file.length; at += 50) response.write(file.subarray(at, at + 50));
    response.end();
  });
  using client = await connectFlv(server.url, {
    headers: { Authorization: 'Bearer a' },
    onTag: ({ type, timestampMs, payload }) =>
      heard.push({ type, timestampMs, payload: Buffer.from(payload) }),
    onBatchEnd: () => void batches++,
  });
  expect(client.headers['x-epoch']).toBe('7');
  expect(await client.closed).toMatchObject({ code: 'FLV_CLOSED' });
  expect(heard).toEqual(tags);
  expect(batches).toBeGreaterThan(0);
  expect(client.bytes).toBe(file.length);
});

const onTag = (): void => undefined;

test('refusals, redirects and other addresses are coded', async () => {
  await using server = await serve((request, response) => {
    const isMoved = request.url?.includes('moved');
    response.writeHead(isMoved ? 302 : 404, isMoved ? { Location: '/live/1.flv' } : {}).end('nothing');
  });
  await expect(connectFlv(server.url, { onTag })).rejects.toMatchObject({
    code: 'FLV_REFUSED',
    detail: '404',
  });
  const moved = connectFlv(`${server.url}?moved`, { onTag });
  await expect(moved).rejects.toMatchObject({ code: 'FLV_REFUSED', detail: '302' });
  await expect(connectFlv('file:///etc/passwd', { onTag })).rejects.toMatchObject({
    code: 'FLV_URL_INVALID',
  });
  await expect(connectFlv('http://127.0.0.1:1/x', { onTag })).rejects.toMatchObject({
    code: 'FLV_UNREACHABLE',
  });
});

test('silence before and within the answer is a time-out, and noise is malformed', async () => {
  await using server = await serve((request, response) => {
    if (request.url?.includes('noise')) response.end('<html>this is no FLV stream at all</html>');
    else if (request.url?.includes('begun')) response.write(file);
  });
  const quick = { onTag, silentMsMax: 500 };
  await expect(connectFlv(server.url, quick)).rejects.toMatchObject({ code: 'FLV_TIMEOUT' });
  using begun = await connectFlv(`${server.url}?begun`, quick);
  expect(await begun.closed).toMatchObject({ code: 'FLV_TIMEOUT' });
  using noise = await connectFlv(`${server.url}?noise`, quick);
  expect(await noise.closed).toMatchObject({ code: 'FLV_MALFORMED', detail: 'FLV_HEADER_INVALID' });
});

test('an abort ends it at any time', async () => {
  await using server = await serve((request, response) => {
    if (request.url?.includes('begun')) response.write(file);
  });
  const before = new AbortController();
  const asked = connectFlv(server.url, { onTag, signal: before.signal });
  before.abort();
  await expect(asked).rejects.toMatchObject({ code: 'FLV_CLOSED' });
  const within = new AbortController();
  using client = await connectFlv(`${server.url}?begun`, { onTag, signal: within.signal });
  within.abort();
  expect(await client.closed).toMatchObject({ code: 'FLV_CLOSED' });
});
