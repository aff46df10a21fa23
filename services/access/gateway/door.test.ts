import { loadSettings } from '@gala/lib/config';
import { createMetrics } from '@gala/lib/metrics';
import { operations, type Operation, type OperationName } from '@gala/protocol/rest';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { houseOfChat } from '../../../test/harness/houses.ts';
import * as account from '../../application/account/index.ts';
import * as room from '../../application/room/index.ts';
import * as scheduler from '../../foundation/scheduler/index.ts';
import { gatewaySection, role } from './index.ts';
import { startTestHouse, type TestHouse } from './testing-context.ts';
import { createTestHost, send, TestClient } from './testing.ts';

let house: TestHouse;
let port: number;
let operator: TestClient;

beforeAll(async () => {
  house = await startTestHouse({
    ...houseOfChat,
    roles: [...houseOfChat.roles, scheduler.role],
    env: { GALA_GATEWAY_LIMITS_CHANGE_PER_USER_BURST: '100000' },
  });
  port = house.listener.port;
  operator = new TestClient(port, { token: house.operatorToken });
}, 60_000);

afterAll(() => house[Symbol.asyncDispose]());

const stranger = () => new TestClient(port);
const all = Object.entries(operations) as [OperationName, Operation][];
const pathOf = ({ path }: Operation) => path.replaceAll(/\{\w+\}/g, '1048577');

test('without credentials only what is for anyone is open', async () => {
  for (const [name, operation] of all.filter(([, { access }]) => access !== 'anyone')) {
    const answer = await stranger().raw({ method: operation.method, path: pathOf(operation) });
    expect(answer.status, name).toBe(401);
    expect(JSON.parse(answer.text).error.code, name).toBe('UNAUTHENTICATED');
  }
});

test('a host may not do what operators do', async () => {
  const { session } = await createTestHost(operator, 'no-operator');
  for (const [name, operation] of all.filter(([, { access }]) => access === 'operator')) {
    const answer = await session.raw({ method: operation.method, path: pathOf(operation) });
    expect(answer.status, name).toBe(403);
  }
});

test('unknown paths and wrong methods are coded', async () => {
  const unknown = await stranger().raw({ path: '/v1/nothing' });
  expect([unknown.status, JSON.parse(unknown.text).error.code]).toEqual([404, 'NOT_FOUND']);
  const wrong = await stranger().raw({ method: 'DELETE', path: '/v1/rooms' });
  expect([wrong.status, JSON.parse(wrong.text).error.code]).toEqual([405, 'METHOD_NOT_ALLOWED']);
  expect(wrong.headers.allow?.split(', ').sort()).toEqual(['GET', 'HEAD', 'OPTIONS', 'POST']);
});

test('HEAD answers the headers of GET', async () => {
  const answer = await stranger().raw({ method: 'HEAD', path: '/v1/rooms' });
  expect([answer.status, answer.text]).toEqual([200, '']);
  expect(Number(answer.headers['content-length'])).toBeGreaterThan(0);
});

test('pages of any origin may read what anyone may, and nothing else', async () => {
  const origin = { Origin: 'http://elsewhere.test' };
  const open = await stranger().raw({ path: '/v1/rooms', headers: origin });
  expect(open.headers['access-control-allow-origin']).toBe('*');
  expect(open.headers['access-control-allow-credentials']).toBeUndefined();
  const missing = await stranger().raw({ path: '/v1/rooms/@nobody-here/enter', headers: origin });
  expect([missing.status, missing.headers['access-control-allow-origin']]).toEqual([404, '*']);
  const closed = await stranger().raw({ path: '/v1/sessions/current', headers: origin });
  expect(closed.headers['access-control-allow-origin']).toBeUndefined();
  const preflight = await stranger().raw({ method: 'OPTIONS', path: '/v1/rooms', headers: origin });
  expect([preflight.status, preflight.headers['access-control-allow-methods']]).toEqual([204, 'GET, HEAD']);
  const refused = await stranger().raw({ method: 'OPTIONS', path: '/v1/hosts', headers: origin });
  expect(refused.headers['access-control-allow-methods']).toBeUndefined();
});

test('the OpenAPI document is served, to pages of any origin', async () => {
  const answer = await stranger().raw({ path: '/v1/openapi.json' });
  expect(answer.headers['access-control-allow-origin']).toBe('*');
  const { openapi, paths } = JSON.parse(answer.text) as { openapi: string; paths: Record<string, object> };
  expect(openapi).toBe('3.1.0');
  for (const [name, { method, path }] of all)
    expect(paths[path], name).toHaveProperty(`${method.toLowerCase()}.operationId`, name);
});

test('bad bodies are told apart, and no value is repeated', async () => {
  const post = (body: string, type = 'application/json') =>
    stranger().raw({ method: 'POST', path: '/v1/sessions', headers: { 'Content-Type': type }, body });
  const cases: [string, number, string][] = [
    [JSON.stringify({ name: 'x' }), 400, 'INVALID_REQUEST'],
    ['{', 400, 'INVALID_REQUEST'],
    ['[]', 400, 'INVALID_REQUEST'],
    ['', 400, 'INVALID_REQUEST'],
    [JSON.stringify({ name: 'x', password: 'y'.repeat(200_000) }), 413, 'BODY_TOO_LARGE'],
  ];
  for (const [body, status, code] of cases) {
    const answer = await post(body);
    expect([answer.status, JSON.parse(answer.text).error.code], body.slice(0, 40)).toEqual([status, code]);
  }
  expect((await post('name=x', 'application/x-www-form-urlencoded')).status).toBe(400);
  const secret = await post(JSON.stringify({ name: 'x', password: 'S3cret'.repeat(50) }));
  expect(secret.status).toBe(400);
  expect(secret.text).not.toContain('S3cret');
});

test('the page is served beside the interface', async () => {
  const answer = await send(port, { path: '/@someone', headers: { Accept: 'text/html' } });
  expect(answer.headers['content-security-policy']).toContain("default-src 'self'");
});

test('below a base path, with public addresses of its own, everything moves along', async () => {
  const env = {
    GALA_GATEWAY_BASE_PATH: '/show',
    GALA_GATEWAY_PUBLIC_URL: 'https://gala.test/show',
    GALA_GATEWAY_LIVE_URL: 'http://edge.test/media',
    GALA_GATEWAY_RTMP_URL: 'rtmps://in.test/live',
  };
  const settings = loadSettings([gatewaySection], { env });
  await using second = await role.start({ ...house.context, settings, metrics: createMetrics('second') });
  expect(second).toBeDefined();
  const client = new TestClient(port, { token: house.operatorToken, basePath: '/show' });
  const { session, setCookie } = await createTestHost(client, 'below');
  expect(setCookie).toMatch(/; Path=\/show\/; .*; Secure$/);
  expect((await session.call('getMyHost')).body.publish.rtmpUrl).toBe('rtmps://in.test/live');
  const { servers } = JSON.parse((await client.raw({ path: '/show/v1/openapi.json' })).text) as {
    servers: object[];
  };
  expect(servers).toEqual([{ url: '/show' }]);
  expect((await client.raw({ path: '/show/v1/nothing' })).status).toBe(404);
});

test('without the account service what is for anyone goes on, the rest says that a part is away', async () => {
  await using alone = await startTestHouse({
    roles: [room.role, role],
    sections: [room.roomSection, room.diskSection, gatewaySection],
    migrations: [...account.migrations, ...room.migrations],
  });
  const visitor = new TestClient(alone.listener.port);
  expect((await visitor.call('listLiveRooms')).body).toEqual({ rooms: [], total: 0 });
  const signIn = await visitor.call('signIn', { body: { name: 'anyone', password: 'at all' } });
  expect([signIn.status, signIn.code]).toEqual([503, 'UNAVAILABLE']);
});

/** Text that breaks parsers, databases and URLs. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '\0',
    '\ud800',
    '%',
    '%2f',
    '../..',
    '@a\0b',
    "'; drop table room",
    '9'.repeat(30),
    '-1',
    '1e9',
  ),
);

const mediaUrl = fc.oneof(
  hostile,
  hostile.map((text) => `rtmp://${text}`),
  hostile.map((text) => `rtmp://cdn.example.org/${text}`),
);

const moment = fc.oneof(fc.maxSafeNat(), fc.double());
const notice = fc.record({
  class: fc.oneof(hostile, fc.constant('control')),
  name: hostile,
  data: fc.json(),
});
const texts = fc.record({ en: hostile, zh: hostile });

/** For every body field of the table: mostly what passes its schema, so that what is odd gets far. */
const fields: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  name: fc.oneof(hostile, fc.stringMatching(/^[a-z]{3,20}$/)),
  password: fc.oneof(hostile, fc.constant('long enough to pass')),
  title: hostile,
  reason: hostile,
  visibility: fc.constantFrom('public', 'private', 'secret'),
  jwt: hostile,
  scopes: fc.array(fc.constantFrom('rooms:read', 'rooms:write'), { maxLength: 2 }),
  expiresAtMs: moment,
  issuer: hostile,
  audience: hostile,
  record: fc.boolean(),
  state: fc.oneof(hostile, fc.constantFrom('on', 'off'), fc.record({ name: hostile, value: fc.json() })),
  settings: fc.oneof(hostile, fc.json()),
  seconds: moment,
  removes: fc.boolean(),
  approves: fc.boolean(),
  words: fc.record({
    refuse: fc.array(hostile, { maxLength: 3 }),
    hold: fc.constant([]),
    mask: fc.constant([]),
  }),
  publishId: fc.oneof(hostile, fc.constant('order-1')),
  notice,
  gift: fc.record({ author: fc.record({ userId: moment, name: hostile }), giftId: hostile, count: moment }),
  peer: fc.record({ userIds: fc.array(moment, { maxLength: 2 }), notice }),
  announcement: hostile,
  startsAtMs: moment,
  untilMs: moment,
  texts,
  areaId: fc.oneof(hostile, fc.constantFrom('', 'games')),
  areaIds: fc.array(fc.oneof(hostile, fc.constant('games')), { maxLength: 3 }),
  names: texts,
  device: fc.oneof(hostile, fc.stringMatching(/^[a-z0-9]{32}$/)),
  version: fc.oneof(fc.nat(3), fc.double()),
  draft: fc.record({
    titles: texts,
    text: hostile,
    startsAtMs: moment,
    endsAtMs: moment,
    angles: fc.array(fc.record({ hostRef: fc.oneof(hostile, fc.constant('@fuzzed')), label: texts }), {
      minLength: 1,
      maxLength: 3,
    }),
    stewards: fc.array(fc.oneof(hostile, fc.constant('@fuzzed')), { maxLength: 2 }),
  }),
  forwardUrls: fc.array(mediaUrl, { maxLength: 3 }),
  sourceUrl: fc.oneof(mediaUrl, fc.constant('')),
  jwks: fc.oneof(hostile, fc.json()),
};

function shapedBody({ body }: Operation): fc.Arbitrary<string> {
  const wanted = Object.keys(body?.shape ?? {}).map((name) => [name, fields[name]]);
  return fc
    .record(Object.fromEntries(wanted) as typeof fields, { requiredKeys: [] })
    .map((value) => JSON.stringify(value));
}

const safelyEncoded = (text: string) => encodeURIComponent(text.toWellFormed());
const parameter = fc.oneof(hostile.map(safelyEncoded), fc.constantFrom('1048577', '@no-operator'));
const anyMethod = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS');
const anyBody = fc.oneof(fc.json(), fc.string({ unit: 'binary' }));
const anySegment = fc.oneof(
  hostile.map(safelyEncoded),
  fc.constantFrom('v1', 'rooms', 'hosts', 'me', '%', ''),
);
const anyPath = fc.array(anySegment, { maxLength: 5 }).map((segments) => `/v1/${segments.join('/')}`);

/** One in four is random; the others are an operation of the table with odd values in the right places. */
const anyTarget = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({ method: anyMethod, path: anyPath, body: anyBody, access: fc.constant(undefined) }),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(...all).chain(([, operation]) =>
      fc.record({
        method: fc.oneof(
          { weight: 5, arbitrary: fc.constant(operation.method) },
          { weight: 1, arbitrary: anyMethod },
        ),
        path: parameter.map((value) => operation.path.replaceAll(/\{\w+\}/g, () => value)),
        body: fc.oneof({ weight: 5, arbitrary: shapedBody(operation) }, { weight: 1, arbitrary: anyBody }),
        access: fc.constant(operation.access),
      }),
    ),
  },
);

test('no path, query, header or body is a fault of ours', async () => {
  const { session } = await createTestHost(operator, 'fuzzed');
  const made = await session.call('createApiToken', { body: { name: 'fuzz', scopes: [] } });
  const host = await session.call('createApiToken', {
    body: { name: 'fuzz', scopes: ['rooms:write', 'hosts:write'] },
  });
  const fitting: Record<Operation['access'], string | undefined> = {
    anyone: undefined,
    user: host.body.token,
    host: host.body.token,
    operator: house.operatorToken,
  };
  const request = fc.record({
    target: anyTarget,
    query: fc.option(fc.webQueryParameters(), { nil: '' }),
    traceparent: fc.option(fc.string({ minLength: 1 }), {
      nil: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    }),
    isFitting: fc.boolean(),
    token: fc.constantFrom(undefined, house.operatorToken, made.body.token, host.body.token),
  });
  const statuses = new Set<number>();
  const property = fc.asyncProperty(request, async ({ target, query, traceparent, ...caller }) => {
    const { method, path, body, access } = target;
    const token = caller.isFitting && access ? fitting[access] : caller.token;
    const client = new TestClient(port, token ? { token } : {});
    const headers = {
      'Content-Type': 'application/json',
      traceparent: traceparent.replaceAll(/[^\x20-\x7e]/g, ''),
    };
    const sent = method === 'GET' || method === 'HEAD' ? undefined : body;
    const answer = await client.raw({
      method,
      path: `${path}?${query}`,
      headers,
      ...(sent && { body: sent }),
    });
    statuses.add(answer.status);
    // No signal node runs in this house.
    const isWithoutNode = answer.status === 503 && answer.text.includes('"detail":"no signal node"');
    if (!isWithoutNode) expect(answer.status, answer.text).toBeLessThan(500);
  });
  await fc.assert(property, { numRuns: 1000 });
  expect([...statuses], 'the inputs reach the handlers').toEqual(
    expect.arrayContaining([200, 201, 204, 400, 403, 404]),
  );
  const lines = house.logLines.map((line) => JSON.parse(line) as { level: number });
  expect(lines.filter(({ level }) => level >= 50)).toEqual([]);
}, 60_000);
