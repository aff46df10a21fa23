import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { operations } from '@gala/protocol/rest';
import { ApiError, createRoomClient } from './index.ts';
import { routes } from './routes.ts';

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

let server: Server;
let baseUrl: string;
let seen: Seen[];
let answer: (response: ServerResponse, request: Seen) => void;

beforeEach(async () => {
  seen = [];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url, headers } = request;
      const entry = { method, url, headers, body: Buffer.concat(chunks).toString() };
      seen.push(entry);
      answer(response, entry);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/base`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const json = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};
const session = {
  principal: { userId: 1, name: 'mira', roles: ['host'], scopes: [] },
  csrfToken: 'c-1',
};

async function failure(call: Promise<unknown>): Promise<ApiError> {
  const error = await call.then(() => undefined).catch((cause: unknown) => cause);
  if (!(error instanceof ApiError)) throw new Error(`expected an ApiError, got ${String(error)}`);
  return error;
}

test('the routes are those of the REST table', () => {
  const table = Object.entries(operations).map(([name, { method, path }]) => [name, `${method} ${path}`]);
  expect(routes).toEqual(Object.fromEntries(table));
});

test('path parameters, query and body go where the operation wants them, below the base path', async () => {
  answer = (response) => json(response, 200, { rooms: [], total: 0 });
  const client = createRoomClient({ baseUrl });
  await client.listLiveRooms({ limit: 7, cursor: 'a b' });
  await client.enterRoom({ roomRef: '@mira' });
  await client.endRoom({ roomId: 9, reason: 'done' });
  expect(seen.map(({ method, url, body }) => [method, url, body])).toEqual([
    ['GET', '/base/v1/rooms?limit=7&cursor=a+b', ''],
    ['GET', '/base/v1/rooms/@mira/enter', ''],
    ['POST', '/base/v1/rooms/9/end', '{"reason":"done"}'],
  ]);
});

test('the CSRF token of the session goes with changes only', async () => {
  answer = (response, { method }) =>
    method === 'DELETE' ? response.writeHead(204).end() : json(response, 200, session);
  const client = createRoomClient({ baseUrl });
  await client.getSession();
  await client.getMyHost();
  expect(await client.signOut()).toBeUndefined();
  expect(seen.map(({ headers }) => headers['x-gala-csrf'])).toEqual([undefined, undefined, 'c-1']);
});

test('an API token is sent in place of the session', async () => {
  answer = (response) => json(response, 201, session);
  const client = createRoomClient({ baseUrl, token: 't-1' });
  await client.getSession();
  await client.rotateStreamKey();
  expect(seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer t-1', 'Bearer t-1']);
  expect(seen.map(({ headers }) => headers['x-gala-csrf'])).toEqual([undefined, undefined]);
});

test('an error answer keeps code, status, detail and the time to wait', async () => {
  answer = (response) => {
    response.setHeader('retry-after', '3');
    json(response, 429, { error: { code: 'TOO_MANY_TRIES', message: 'wait', detail: 'mira' } });
  };
  const error = await failure(createRoomClient({ baseUrl }).signIn({ name: 'mira', password: 'x' }));
  expect(error).toMatchObject({
    code: 'TOO_MANY_TRIES',
    status: 429,
    message: 'wait',
    detail: 'mira',
    retryAfterSeconds: 3,
  });
});

test('an error page of a proxy on the way becomes UNAVAILABLE with its status', async () => {
  answer = (response) => response.writeHead(502).end('<h1>Bad gateway</h1>');
  expect(await failure(createRoomClient({ baseUrl }).listLiveRooms())).toMatchObject({
    code: 'UNAVAILABLE',
    status: 502,
  });
});

test('an answer that is not JSON is named', async () => {
  answer = (response) => response.writeHead(200).end('<html>');
  expect((await failure(createRoomClient({ baseUrl }).listLiveRooms())).code).toBe('ANSWER_INVALID');
});

test('a call without an answer ends at its time limit, also while the body trickles', async () => {
  answer = (response) => response.writeHead(200).write('{"rooms"');
  const error = await failure(createRoomClient({ baseUrl }).listLiveRooms({}, { timeoutMs: 50 }));
  expect(error.code).toBe('TIMEOUT');
});

test('an aborted call says so', async () => {
  const controller = new AbortController();
  answer = () => controller.abort();
  const error = await failure(createRoomClient({ baseUrl }).listLiveRooms({}, { signal: controller.signal }));
  expect(error.code).toBe('ABORTED');
});

test('a closed port is a lost network', async () => {
  await new Promise((resolve) => server.close(resolve));
  expect(await failure(createRoomClient({ baseUrl }).listLiveRooms())).toMatchObject({
    code: 'NETWORK_LOST',
    status: 0,
  });
});
