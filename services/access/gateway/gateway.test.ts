import { AccountService } from '@gala/protocol/account';
import { composeRoomId, userIdMax } from '@gala/protocol/ids';
import { verifyPlay } from '@gala/protocol/play';
import {
  operations,
  signalOperations,
  catalogOperations,
  chatOperations,
  jobOperations,
  programmeOperations,
  streamOperations,
} from '@gala/protocol/rest';
import { RecordingState, RoomService, StreamEvent } from '@gala/protocol/room';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { houseOfRooms } from '../../../test/harness/houses.ts';
import { startTestHouse, type TestHouse } from './testing-context.ts';
import { createTestHost, password, signInTestHost, TestClient, type Answer } from './testing.ts';

let house: TestHouse;
let port: number;
let operator: TestClient;

beforeAll(async () => {
  house = await startTestHouse(houseOfRooms);
  port = house.listener.port;
  operator = new TestClient(port, { token: house.operatorToken });
}, 60_000);

afterAll(() => house[Symbol.asyncDispose]());

const stranger = () => new TestClient(port);
const secrets: string[] = [password];
let hostCount = 0;

/** A new host with a signed-in browser. */
async function newHost() {
  const host = await createTestHost(operator, `host-${++hostCount}.of-tests`);
  secrets.push(host.streamKey, host.csrfToken, host.sessionToken);
  return host;
}

/** Begins a broadcast as an edge does, up to its first key frame. */
async function goLive(streamKey: string): Promise<number> {
  const room = house.context.rpc.client(RoomService);
  const admitted = await room.admitPublish({ streamKey, edgeId: 'edge-1', remoteAddress: '192.0.2.1' });
  const { roomId = 0n, epoch = 0n } = admitted.room ?? {};
  const event = StreamEvent.STARTED;
  await room.reportStream({ roomId, epoch, sequence: 1, event, edgeId: 'edge-1', reason: '' });
  return Number(roomId);
}

describe('sessions', () => {
  test('a browser signs in, is known, and signs out', async () => {
    const { setCookie, session, hostId, name } = await newHost();
    expect(setCookie).toMatch(/^gala_session=[^;]+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/);
    const known = await session.call('getSession');
    expect(known.body.principal).toMatchObject({ userId: hostId, name });
    expect(known.body.expiresAtMs).toBeGreaterThan(Date.now());
    expect(known.headers['cache-control']).toBe('no-store');
    const out = await session.call('signOut');
    expect(out.headers['set-cookie']?.[0]).toMatch(/^gala_session=; Path=\/; Max-Age=0;/);
    expect((await session.call('getSession')).code).toBe('UNAUTHENTICATED');
  });

  test('behind a proxy with TLS the cookie is secure', async () => {
    const { name } = await newHost();
    const headers = { 'X-Forwarded-Proto': 'https' };
    const answer = await stranger().call('signIn', { body: { name, password }, headers });
    expect(answer.headers['set-cookie']?.[0]).toMatch(/; Secure$/);
  });

  test('a wrong password and an unknown name answer alike', async () => {
    const { name } = await newHost();
    const wrong = await stranger().call('signIn', { body: { name, password: 'not this one at all' } });
    const unknown = await stranger().call('signIn', { body: { name: 'nobody-here', password } });
    expect([wrong.status, wrong.code, wrong.detail]).toEqual([401, 'CREDENTIALS_WRONG', unknown.detail]);
    expect([unknown.status, unknown.code]).toEqual([401, 'CREDENTIALS_WRONG']);
  });

  test('another site cannot sign a browser in', async () => {
    const { name } = await newHost();
    const foreign: Record<string, string>[] = [
      { Origin: 'http://evil.test' },
      { 'Sec-Fetch-Site': 'cross-site' },
    ];
    for (const headers of foreign) {
      const answer = await stranger().call('signIn', { body: { name, password }, headers });
      expect(answer.code).toBe('FORBIDDEN');
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
    const own = { Origin: `http://127.0.0.1:${port}` };
    expect((await stranger().call('signIn', { body: { name, password }, headers: own })).status).toBe(201);
  });

  test('a change on a cookie needs the CSRF header, a read does not', async () => {
    const { setCookie, csrfToken } = await newHost();
    for (const token of [undefined, `${csrfToken}x`, '']) {
      const client = stranger().withSession(setCookie, token);
      expect((await client.call('createRoom', { body: {} })).code).toBe('CSRF_MISMATCH');
      expect((await client.call('getMyHost')).status).toBe(200);
    }
  });

  test('a new password works and ends all other sessions, the old one does not', async () => {
    const { name, session } = await newHost();
    const elsewhere = (await signInTestHost(operator, name)).session;
    expect((await session.call('setPassword', { body: { password: 'another long one' } })).status).toBe(204);
    expect((await session.call('getSession')).status).toBe(200);
    expect((await elsewhere.call('getSession')).code).toBe('UNAUTHENTICATED');
    expect((await stranger().call('signIn', { body: { name, password } })).code).toBe('CREDENTIALS_WRONG');
    const again = await stranger().call('signIn', { body: { name, password: 'another long one' } });
    expect(again.status).toBe(201);
  });

  test('guessing is limited by address, with the time to wait', async () => {
    const guesser = stranger();
    const guess = () => guesser.call('signIn', { body: { name: 'nobody-at-all', password } });
    let answer = await guess();
    for (let tries = 0; tries < 20 && answer.code !== 'RATE_LIMITED'; tries++) answer = await guess();
    expect(answer).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect((await stranger().call('signIn', { body: { name: 'nobody-at-all', password } })).code).not.toBe(
      'RATE_LIMITED',
    );
  });

  test('a partner trades a token of its issuer for a session', async () => {
    const { publicKey, privateKey } = await generateKeyPair('EdDSA');
    const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'p1', alg: 'EdDSA' }] });
    const issuer = { issuer: 'https://partner.test', audience: 'gala', jwks };
    expect((await operator.call('putIssuer', { body: issuer })).status).toBe(204);
    expect((await operator.call('listIssuers')).body.issuers).toContainEqual(issuer);
    const token = (audience: string) =>
      new SignJWT({})
        .setProtectedHeader({ alg: 'EdDSA', kid: 'p1' })
        .setIssuer(issuer.issuer)
        .setAudience(audience)
        .setSubject('u-1')
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(privateKey);
    const answer = await stranger().call('signInPartner', { body: { jwt: await token('gala') } });
    expect(answer.status).toBe(201);
    expect(answer.headers['set-cookie']?.[0]).toMatch(/HttpOnly/);
    const other = await stranger().call('signInPartner', { body: { jwt: await token('elsewhere') } });
    expect(other.code).toBe('ISSUER_TOKEN_INVALID');
  });
});

describe('hosts', () => {
  test('an operator makes a host, who sees where to publish', async () => {
    const { name, hostId, streamKey, session } = await newHost();
    expect(streamKey.startsWith(`${hostId}.`)).toBe(true);
    const mine = await session.call('getMyHost');
    expect(mine.body.host).toMatchObject({ hostId, name, visibility: 'public' });
    expect(mine.body.room).toBeUndefined();
    expect(mine.body.publish).toEqual({ rtmpUrl: 'rtmp://127.0.0.1/live' });
  });

  test('a name is taken once, in any case', async () => {
    const { name } = await newHost();
    for (const taken of [name, name.toUpperCase()]) {
      const answer = await operator.call('createHost', { body: { name: taken } });
      expect([answer.status, answer.code]).toEqual([409, 'NAME_TAKEN']);
    }
  });

  test('a half-made host is completed by a retry, a viewer is not made one', async () => {
    const account = house.context.rpc.client(AccountService);
    await account.createUser({ name: 'half-made', password: '', roles: ['viewer', 'host'] });
    await account.createUser({ name: 'only-viewer', password: '', roles: ['viewer'] });
    const retried = await operator.call('createHost', { body: { name: 'half-made', password } });
    expect(retried.status).toBe(201);
    expect((await stranger().call('signIn', { body: { name: 'half-made', password } })).status).toBe(201);
    expect((await operator.call('createHost', { body: { name: 'half-made' } })).code).toBe('NAME_TAKEN');
    expect((await operator.call('createHost', { body: { name: 'only-viewer' } })).code).toBe('NAME_TAKEN');
  });

  test('a host changes his profile and rotates his key', async () => {
    const { session, streamKey } = await newHost();
    const changed = await session.call('updateMyHost', { body: { title: 'New', visibility: 'private' } });
    expect(changed.body.host).toMatchObject({ title: 'New', visibility: 'private' });
    const rotated = await session.call('rotateStreamKey');
    expect(rotated.body.streamKey).not.toBe(streamKey);
    await expect(goLive(streamKey)).rejects.toMatchObject({ code: 'STREAM_KEY_WRONG' });
    expect(await goLive(rotated.body.streamKey)).toBeGreaterThan(0);
  });
});

describe('rooms', () => {
  test('a room goes from its schedule over the air to its end', async () => {
    const { session, streamKey, name, hostId } = await newHost();
    const made = await session.call('createRoom', { body: { title: 'First' } });
    const { roomId } = made.body.room;
    expect(made.body.room).toMatchObject({ hostId, hostName: name, title: 'First', state: 'created' });
    const early = await stranger().call('enterRoom', { params: { roomRef: roomId } });
    expect(early.body.play).toEqual([]);
    expect(await goLive(streamKey)).toBe(roomId);

    const entered = await stranger().call('enterRoom', { params: { roomRef: `@${name}` } });
    expect(entered.body.room).toMatchObject({ roomId, state: 'live' });
    expect(entered.body.play.map((play) => play.url)).toEqual([
      `ws://127.0.0.1:8081/live/${roomId}.flv`,
      `http://127.0.0.1:8081/live/${roomId}.flv`,
      `http://127.0.0.1:8081/live/${roomId}.m3u8`,
      `rtmp://127.0.0.1/live/${roomId}`,
    ]);
    const got = await stranger().call('getRoom', { params: { roomId } });
    expect(got.body.room).toMatchObject({ roomId, state: 'live' });

    const ended = await session.call('endRoom', { params: { roomId }, body: { reason: 'done' } });
    expect(ended.body.room).toMatchObject({ state: 'ended', endReason: 'done' });
    const late = await stranger().call('enterRoom', { params: { roomRef: roomId } });
    expect(late.body).toMatchObject({ room: { state: 'ended' }, host: { name }, play: [] });
  });

  test('play addresses follow the scheme of the page', async () => {
    const { streamKey } = await newHost();
    const roomId = await goLive(streamKey);
    const headers = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'gala.test' };
    const entered = await stranger().call('enterRoom', { params: { roomRef: roomId }, headers });
    expect(entered.body.play[0].url).toBe(`wss://gala.test:8081/live/${roomId}.flv`);
  });

  test('the list has public rooms on air, page by page, cacheable for a second', async () => {
    const on = [await goLive((await newHost()).streamKey), await goLive((await newHost()).streamKey)];
    const hidden = await newHost();
    await hidden.session.call('updateMyHost', { body: { visibility: 'private' } });
    const hiddenRoom = await goLive(hidden.streamKey);
    await expect.poll(async () => (await listed()).filter((roomId) => on.includes(roomId)).length).toBe(2);
    expect(await listed()).not.toContain(hiddenRoom);
    const answer = await stranger().call('listLiveRooms', { query: { limit: 1 } });
    expect(answer.body.rooms).toHaveLength(1);
    expect(answer.headers['cache-control']).toBe('public, max-age=1');
  });

  async function listed(): Promise<number[]> {
    const found: number[] = [];
    let cursor: string | undefined = '';
    while (cursor !== undefined) {
      const page: Answer<'listLiveRooms'> = await stranger().call('listLiveRooms', {
        query: { limit: 1, cursor },
      });
      found.push(...page.body.rooms.map((room) => room.roomId));
      cursor = page.body.nextCursor;
    }
    return found;
  }

  test('a private room is for its host and operators, with signed addresses', async () => {
    const { session, streamKey, name } = await newHost();
    await session.call('updateMyHost', { body: { visibility: 'private' } });
    const roomId = await goLive(streamKey);
    const other = (await newHost()).session;
    for (const client of [stranger(), other]) {
      for (const roomRef of [String(roomId), `@${name}`])
        expect((await client.call('enterRoom', { params: { roomRef } })).code).toBe('ROOM_PRIVATE');
      expect((await client.call('getRoom', { params: { roomId } })).code).toBe('ROOM_PRIVATE');
    }
    const { keys } = await house.context.rpc.client(AccountService).signingKeys({});
    for (const client of [session, operator]) {
      const entered = await client.call('enterRoom', { params: { roomRef: roomId } });
      expect(entered.body.play).toHaveLength(4);
      for (const { url, expiresAtMs = 0 } of entered.body.play) {
        const query = new URL(url).searchParams;
        expect(expiresAtMs - Date.now()).toBeGreaterThan(5.9 * 3_600_000);
        expect(verifyPlay({ roomId, query, keys, nowMs: Date.now() })).toBe(true);
        expect(verifyPlay({ roomId: roomId + 1, query, keys, nowMs: Date.now() })).toBe(false);
      }
    }
  });

  test('an expired session is a stranger to a public room, a wrong bearer token is refused at a private one', async () => {
    const { session, streamKey } = await newHost();
    const roomId = await goLive(streamKey);
    const stale = stranger().withSession('gala_session=stale');
    expect((await stale.call('enterRoom', { params: { roomRef: roomId } })).status).toBe(200);
    await session.call('updateMyHost', { body: { visibility: 'private' } });
    expect((await stale.call('enterRoom', { params: { roomRef: roomId } })).code).toBe('ROOM_PRIVATE');
    const wrong = new TestClient(port, { token: 'wrong' });
    expect((await wrong.call('enterRoom', { params: { roomRef: roomId } })).code).toBe('UNAUTHENTICATED');
  });

  test('what is not there says what is missing', async () => {
    const { name, hostId } = await newHost();
    const enter = async (roomRef: string | number) =>
      (await stranger().call('enterRoom', { params: { roomRef } })).code;
    expect(await enter('@nobody-here')).toBe('HOST_UNKNOWN');
    expect(await enter(`@${name}`)).toBe('ROOM_UNKNOWN');
    expect(await enter(composeRoomId(hostId, 99))).toBe('ROOM_UNKNOWN');
    expect(await enter(composeRoomId(userIdMax, 1))).toBe('ROOM_UNKNOWN');
    expect(await enter(1)).toBe('ROOM_UNKNOWN');
    expect(await enter('9999999999999999')).toBe('ROOM_UNKNOWN');
    expect(await enter('abc')).toBe('INVALID_REQUEST');
  });

  test('a host ends his own rooms, an operator any', async () => {
    const { streamKey } = await newHost();
    const other = (await newHost()).session;
    const roomId = await goLive(streamKey);
    expect((await other.call('endRoom', { params: { roomId }, body: {} })).code).toBe('FORBIDDEN');
    expect((await operator.call('endRoom', { params: { roomId }, body: {} })).body.room.state).toBe('ended');
  });
});

describe('API tokens', () => {
  test('a token does what its scopes say until it is revoked', async () => {
    const { session } = await newHost();
    const made = await session.call('createApiToken', { body: { name: 'bot', scopes: ['rooms:write'] } });
    const { token, apiToken } = made.body;
    expect(apiToken).toMatchObject({ name: 'bot', scopes: ['rooms:write'] });
    const bot = new TestClient(port, { token });
    expect((await bot.call('createRoom', { body: {} })).status).toBe(201);
    expect((await bot.call('rotateStreamKey')).code).toBe('FORBIDDEN');
    expect((await bot.call('getSession')).code).toBe('FORBIDDEN');
    expect((await session.call('listApiTokens')).body.apiTokens).toEqual([apiToken]);
    const gone = await session.call('revokeApiToken', { params: { tokenId: apiToken.tokenId } });
    expect(gone.status).toBe(204);
    expect((await bot.call('createRoom', { body: {} })).code).toBe('UNAUTHENTICATED');
    expect((await session.call('revokeApiToken', { params: { tokenId: apiToken.tokenId } })).code).toBe(
      'TOKEN_UNKNOWN',
    );
  });

  test('a token makes none that may do more', async () => {
    const { session } = await newHost();
    const scopes = ['tokens:write', 'rooms:read'] as ('tokens:write' | 'rooms:read')[];
    const { body } = await session.call('createApiToken', { body: { name: 'bot', scopes } });
    const bot = new TestClient(port, { token: body.token });
    const make = (wanted: ('rooms:read' | 'rooms:write')[]) =>
      bot.call('createApiToken', { body: { name: 'child', scopes: wanted } });
    expect((await make([])).code).toBe('FORBIDDEN');
    expect((await make(['rooms:write'])).code).toBe('FORBIDDEN');
    expect((await make(['rooms:read'])).status).toBe(201);
  });

  test('the operator token has no account to keep tokens or rooms in', async () => {
    expect((await operator.call('getSession')).body.principal).toMatchObject({ userId: 0 });
    for (const name of ['getMyHost', 'listApiTokens', 'rotateStreamKey'] as const)
      expect((await operator.call(name)).code).toBe('FORBIDDEN');
  });
});

describe('operators', () => {
  test('make a new key for any host, by id or name', async () => {
    const { name, hostId, streamKey } = await newHost();
    const byName = await operator.call('rotateHostStreamKey', { params: { hostRef: `@${name}` } });
    expect(byName.body.streamKey.startsWith(`${hostId}.`)).toBe(true);
    await expect(goLive(streamKey)).rejects.toMatchObject({ code: 'STREAM_KEY_WRONG' });
    const byId = await operator.call('rotateHostStreamKey', { params: { hostRef: hostId } });
    expect(await goLive(byId.body.streamKey)).toBeGreaterThan(0);
    const rotate = async (hostRef: string | number) =>
      (await operator.call('rotateHostStreamKey', { params: { hostRef } })).code;
    expect(await rotate('@nobody-here')).toBe('HOST_UNKNOWN');
    expect(await rotate(userIdMax)).toBe('HOST_UNKNOWN');
  });
});

describe('media settings', () => {
  const forwardUrl = 'rtmp://cdn.example.org/live/a-forward-key';
  const media = { record: true, forwardUrls: [forwardUrl], sourceUrl: 'https://a.example.org/b.flv' };
  secrets.push('a-forward-key');

  test('are empty at first, put whole, and reach the edge with the next publish', async () => {
    const { session, streamKey } = await newHost();
    const empty = { record: false, forwardUrls: [], sourceUrl: '' };
    expect((await session.call('getMyHostMedia')).body.media).toEqual(empty);
    expect((await session.call('putMyHostMedia', { body: media })).body.media).toEqual(media);
    expect((await session.call('getMyHostMedia')).body.media).toEqual(media);
    const rooms = house.context.rpc.client(RoomService);
    const answer = await rooms.admitPublish({ streamKey, edgeId: 'edge-1', remoteAddress: '192.0.2.1' });
    expect(answer.media).toMatchObject(media);
  });

  test('of any host are the business of operators, and of no other host', async () => {
    const { session, name, hostId } = await newHost();
    const other = await newHost();
    const params = { hostRef: `@${name}` };
    expect((await other.session.call('getHostMedia', { params })).code).toBe('FORBIDDEN');
    expect((await other.session.call('putHostMedia', { params, body: media })).code).toBe('FORBIDDEN');
    expect((await operator.call('putHostMedia', { params, body: media })).body.media).toEqual(media);
    const byId = await operator.call('getHostMedia', { params: { hostRef: hostId } });
    expect(byId.body.media).toEqual(media);
    expect((await session.call('getMyHostMedia')).body.media).toEqual(media);
    const unknown = { hostRef: userIdMax };
    expect((await operator.call('getHostMedia', { params: unknown })).code).toBe('HOST_UNKNOWN');
    expect((await operator.call('putHostMedia', { params: unknown, body: media })).code).toBe('HOST_UNKNOWN');
  });

  test('that are no addresses are refused without repeating them', async () => {
    const { session } = await newHost();
    for (const forwardUrls of [
      ['http://cdn/a-forward-key'],
      ['rtmp://:99999/a-forward-key'],
      Array(9).fill(forwardUrl),
    ]) {
      const answer = await session.call('putMyHostMedia', { body: { ...media, forwardUrls } });
      expect(answer.code).toBe('INVALID_REQUEST');
      expect(answer.detail).not.toContain('a-forward-key');
    }
  });
});

describe('recordings', () => {
  /** What an edge reports of one file. */
  async function recorded(roomId: number, startedAtMs: number, format: 'mp4' | 'flv' = 'mp4'): Promise<void> {
    const numbers = {
      roomId: BigInt(roomId),
      startedAtMs: BigInt(startedAtMs),
      durationMs: 5000n,
      bytes: 9n,
    };
    const recording = { ...numbers, format, folder: 'media', state: RecordingState.DONE, reason: 'held' };
    await house.context.rpc.client(RoomService).reportRecording({ recording });
  }
  const replayOf = async (roomId: number, client = stranger()) =>
    (await client.call('enterRoom', { params: { roomRef: roomId } })).body.replay;

  test('an ended room is entered with its replay, a running one without', async () => {
    const { session, streamKey } = await newHost();
    const roomId = await goLive(streamKey);
    for (const startedAtMs of [2000, 1000]) await recorded(roomId, startedAtMs);
    expect(await replayOf(roomId)).toBeUndefined();
    await session.call('endRoom', { params: { roomId } });
    await expect
      .poll(() => replayOf(roomId))
      .toEqual({
        url: expect.stringMatching(new RegExp(`^http://127.0.0.1:\\d+/live/replay/${roomId}\\.m3u8$`)),
        startedAtMs: 1000,
        durationMs: 10_000,
      });
  });

  test('a host lists what he has, with signed addresses for a private room, and deletes it', async () => {
    const { session, streamKey } = await newHost();
    const other = await newHost();
    await session.call('updateMyHost', { body: { visibility: 'private' } });
    const roomId = await goLive(streamKey);
    await recorded(roomId, 1000);
    await recorded(roomId, 1000, 'flv');
    const list = async () => (await session.call('listMyRecordings')).body.rooms;
    const [found] = await list();
    expect(found.room).toMatchObject({ roomId, visibility: 'private' });
    expect(found.files.map(({ format, state, bytes }) => [format, state, bytes])).toEqual([
      ['flv', 'done', 9],
      ['mp4', 'done', 9],
    ]);
    const { keys } = await house.context.rpc.client(AccountService).signingKeys({});
    for (const { url } of [...found.files, found.replay!]) {
      const query = new URL(url).searchParams;
      expect(verifyPlay({ roomId, query, keys, nowMs: Date.now() })).toBe(true);
    }
    expect(found.replay?.expiresAtMs).toBeGreaterThan(Date.now());
    await session.call('endRoom', { params: { roomId } });
    await expect.poll(async () => (await replayOf(roomId, session))?.durationMs).toBe(5000);

    const params = { roomId };
    expect((await other.session.call('deleteRecordings', { params })).code).toBe('FORBIDDEN');
    expect((await session.call('deleteRecordings', { params })).status).toBe(204);
    expect(await list()).toEqual([]);
    await expect.poll(() => replayOf(roomId, session)).toBeUndefined();
  });
});

test('nothing failed without a code, and no secret is in a log line', () => {
  const errors = house.logLines.map((line) => JSON.parse(line) as { level: number; msg: string });
  expect(errors.filter(({ level }) => level >= 50)).toEqual([]);
  expect(house.logLines.length).toBeGreaterThan(10);
  for (const secret of [...secrets, house.operatorToken])
    expect(house.logLines.filter((line) => line.includes(secret))).toEqual([]);
});

test('every operation of the table was answered with success, in the shape of its schema', () => {
  // Those of streams, jobs, the catalogue, programmes, chats and signals are called by their own test files.
  const rooms = { ...streamOperations, ...signalOperations, ...chatOperations };
  const elsewhere = { ...rooms, ...jobOperations, ...catalogOperations, ...programmeOperations };
  const names = Object.keys(operations).filter((name) => !(name in elsewhere));
  expect([...TestClient.exercised].filter((name) => names.includes(name)).sort()).toEqual(names.sort());
});

test('with the database down changes are refused with a code, and work again after it', async () => {
  await house.postgres.stop();
  const refused = await operator.call('createHost', { body: { name: 'in-the-outage' } });
  expect([refused.status, refused.code]).toEqual([503, 'UNAVAILABLE']);
  const list = await stranger().raw({ path: '/v1/rooms' });
  expect([200, 503]).toContain(list.status);
  await house.postgres.start();
  const retry = async () =>
    (await operator.call('createHost', { body: { name: 'after-the-outage' } })).status;
  await expect.poll(retry, { timeout: 15_000 }).toBe(201);
});
