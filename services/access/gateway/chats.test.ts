import { InteractionService } from '@gala/protocol/interaction';
import { chatOperations, type OperationName } from '@gala/protocol/rest';
import { composeRoomId } from '@gala/protocol/ids';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { houseOfChat } from '../../../test/harness/houses.ts';
import { startTestHouse, type TestHouse } from './testing-context.ts';
import { createTestHost, TestClient } from './testing.ts';

let house: TestHouse;
let operator: TestClient;
let mira: Awaited<ReturnType<typeof createTestHost>>;
let juno: Awaited<ReturnType<typeof createTestHost>>;
let roomId: number;

beforeAll(async () => {
  house = await startTestHouse(houseOfChat);
  operator = new TestClient(house.listener.port, { token: house.operatorToken });
  mira = await createTestHost(operator, 'mira');
  juno = await createTestHost(operator, 'juno');
  roomId = composeRoomId(mira.hostId, 1);
  await mira.session.call('createRoom', { body: { title: 'tonight' } });
}, 60_000);
afterAll(() => house[Symbol.asyncDispose]());

const stranger = () => new TestClient(house.listener.port);
const params = { hostRef: '@mira' };

test('a host changes the rules of his chat, anyone reads them, and an older version is refused', async () => {
  const { settings, version } = (await stranger().call('getChat', { params })).body;
  expect([settings.slowModeSeconds, version]).toEqual([0, 0]);
  const changed = { ...settings, slowModeSeconds: 5, isClosed: true };
  const put = (from: number, client = mira.session) =>
    client.call('putChat', { params, body: { settings: changed, version: from } });
  expect((await put(0)).body).toEqual({ settings: changed, version: 1 });
  expect((await stranger().call('getChat', { params })).body).toEqual({ settings: changed, version: 1 });
  const again = { ...changed, isClosed: false };
  const stale = await mira.session.call('putChat', { params, body: { settings: again, version: 0 } });
  expect(stale.code).toBe('CHAT_CHANGED');
  expect((await put(1, juno.session)).code).toBe('NOT_MODERATOR');
  expect((await put(1, stranger())).code).toBe('UNAUTHENTICATED');
  const wrong = { ...changed, slowModeSeconds: -1 };
  const refused = await mira.session.call('putChat', { params, body: { settings: wrong, version: 1 } });
  expect(refused.code).toBe('INVALID_REQUEST');
  const nobody = await stranger().call('getChat', { params: { hostRef: '12345' } });
  expect(nobody.code).toBe('HOST_UNKNOWN');
});

test("moderators are the host's to choose, and may do what he lets them", async () => {
  const juno$ = { ...params, userRef: '@juno' };
  const add = (client: TestClient) => client.call('addModerator', { params: juno$, body: {} });
  expect((await add(juno.session)).code).toBe('NOT_MODERATOR');
  for (const client of [mira.session, operator]) expect((await add(client)).code).toBeUndefined();
  const { moderators } = (await juno.session.call('listModerators', { params })).body;
  expect(moderators).toMatchObject([{ userId: juno.hostId, name: 'juno' }]);
  const { body } = await stranger().call('getChat', { params });
  const settings = { ...body.settings, isClosed: false };
  const put = await juno.session.call('putChat', { params, body: { settings, version: body.version } });
  expect(put.body.version).toBe(body.version + 1);
  const nobody = await mira.session.call('addModerator', {
    params: { ...params, userRef: '@nobody' },
    body: {},
  });
  expect(nobody.code).toBe('USER_UNKNOWN');
  const admitted = await juno.session.call('listHeldComments', { params: { roomId } });
  expect(admitted.body).toEqual({ comments: [], dropped: 0, expired: 0 });
  expect((await mira.session.call('removeModerator', { params: juno$ })).code).toBeUndefined();
  expect((await juno.session.call('listModerators', { params })).code).toBe('NOT_MODERATOR');
});

test('a user is sanctioned at a host, listed, and forgiven', async () => {
  const target = { ...params, userRef: '@juno', sanctionKind: 'mute' };
  const body = { seconds: 60, removes: true, reason: 'shouting' };
  const { untilMs } = (await mira.session.call('sanctionUser', { params: target, body })).body;
  expect(untilMs).toBeGreaterThan(Date.now());
  const { sanctions } = (await mira.session.call('listSanctions', { params })).body;
  expect(sanctions).toMatchObject([
    { userId: juno.hostId, name: 'juno', kind: 'mute', untilMs, by: mira.hostId, reason: 'shouting' },
  ]);
  expect((await juno.session.call('listSanctions', { params })).code).toBe('NOT_MODERATOR');
  const self = await mira.session.call('sanctionUser', { params: { ...target, userRef: '@mira' }, body: {} });
  expect(self.code).toBe('SANCTION_REFUSED');
  for (const _ of [1, 2]) {
    expect((await mira.session.call('unsanctionUser', { params: target })).code).toBeUndefined();
  }
  expect((await mira.session.call('listSanctions', { params })).body.sanctions).toEqual([]);
});

test('operators sanction in the whole installation: no chat lets him in', async () => {
  const target = { userRef: String(juno.hostId), sanctionKind: 'ban' };
  const byHost = await mira.session.call('sanctionSiteUser', { params: target, body: {} });
  expect(byHost.code).toBe('FORBIDDEN');
  await operator.call('sanctionSiteUser', { params: target, body: { reason: 'spam' } });
  const { sanctions } = (await operator.call('listSiteSanctions')).body;
  expect(sanctions).toMatchObject([{ userId: juno.hostId, kind: 'ban', untilMs: 0, by: 0, reason: 'spam' }]);
  const entry = await juno.session.call('enterSignals', { params: { roomId }, body: {} });
  expect(entry.code).toBe('BANNED');
  await operator.call('unsanctionSiteUser', { params: target });
  expect((await operator.call('listSiteSanctions')).body.sanctions).toEqual([]);
  const free = await juno.session.call('enterSignals', { params: { roomId }, body: {} });
  expect(free.code).not.toBe('BANNED');
});

test('words are kept by what is done with them', async () => {
  const words = { refuse: ['spam'], hold: ['*maybe*'], mask: ['敏感词', 'damn'] };
  const put = await mira.session.call('putChatWords', { params, body: { words, version: 0 } });
  expect(put.body.version).toBe(1);
  expect((await mira.session.call('getChatWords', { params })).body).toEqual({ words, version: 1 });
  expect((await juno.session.call('getChatWords', { params })).code).toBe('NOT_MODERATOR');
  const none = { ...words, mask: ['...'] };
  const refused = await mira.session.call('putChatWords', { params, body: { words: none, version: 1 } });
  expect(refused.code).toBe('INVALID_REQUEST');
});

test('comments are taken back by moderators; what waits no more is unknown', async () => {
  const comment = { roomId, signalId: `${juno.hostId.toString(36)}.AAAAAAAAAAA` };
  const retract = (client: TestClient) => client.call('retractComment', { params: comment });
  expect((await retract(juno.session)).code).toBe('NOT_MODERATOR');
  for (const _ of [1, 2]) expect((await retract(mira.session)).code).toBeUndefined();
  const review = await mira.session.call('reviewHeldComment', { params: comment, body: { approves: true } });
  expect(review.code).toBe('SIGNAL_UNKNOWN');
});

test('a comment that waits is shown to moderators, and said when one agrees', async () => {
  const { body } = await stranger().call('getChat', { params });
  const settings = { ...body.settings, holdsAll: true };
  await mira.session.call('putChat', { params, body: { settings, version: body.version } });
  const owner = house.context.rpc.client(InteractionService);
  await owner.openRoom({ roomId: BigInt(roomId), node: 'a-node' });
  const speaker = { userId: BigInt(juno.hostId), name: 'juno', role: 'viewer', device: 'd', address: '::1' };
  const signal = Buffer.from(JSON.stringify({ type: 'comment', text: 'may I?' }));
  const submission = { roomId: BigInt(roomId), speaker, connection: 1n, clientId: '', signal };
  const { results } = await owner.submit({ node: 'a-node', submissions: [submission] });
  expect(results).toMatchObject([{ code: '', held: true }]);
  const held = await mira.session.call('listHeldComments', { params: { roomId } });
  expect(held.body.comments).toMatchObject([{ text: 'may I?', userId: juno.hostId, reason: 'all' }]);
  const comment = { roomId, signalId: held.body.comments[0].signalId };
  for (const _ of [1, 2]) {
    const agreed = await mira.session.call('reviewHeldComment', {
      params: comment,
      body: { approves: true },
    });
    expect(agreed.code).toBeUndefined();
  }
  expect((await mira.session.call('listHeldComments', { params: { roomId } })).body.comments).toEqual([]);
  const said = async () => (await owner.readBatches({ roomId: BigInt(roomId), limit: 10 })).batches;
  await expect.poll(said).not.toEqual([]);
});

test('a host is followed by who has signed in, once', async () => {
  expect((await stranger().call('getFollow', { params })).body).toEqual({ followers: 0 });
  expect((await stranger().call('followHost', { params })).code).toBe('UNAUTHENTICATED');
  const first = (await juno.session.call('followHost', { params })).body;
  expect(first).toMatchObject({ followers: 1 });
  expect((await juno.session.call('followHost', { params })).body).toEqual(first);
  expect((await juno.session.call('getFollow', { params })).body).toEqual(first);
  expect((await mira.session.call('followHost', { params })).code).toBe('INVALID_REQUEST');
  await juno.session.call('unfollowHost', { params });
  expect((await juno.session.call('getFollow', { params })).body).toEqual({ followers: 0 });
});

test('a token acts within its scopes', async () => {
  const made = await mira.session.call('createApiToken', { body: { name: 'bot', scopes: ['chat:read'] } });
  const bot = new TestClient(house.listener.port, { token: made.body.token });
  expect((await bot.call('listSanctions', { params })).code).toBeUndefined();
  const target = { ...params, userRef: '@juno', sanctionKind: 'mute' };
  expect((await bot.call('sanctionUser', { params: target, body: {} })).code).toBe('FORBIDDEN');
});

test('every operation of chats was answered', () => {
  const names = Object.keys(chatOperations) as OperationName[];
  expect(names.filter((name) => !TestClient.exercised.has(name))).toEqual([]);
});
