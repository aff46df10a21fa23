import type { Signal } from '@gala/protocol/signals';
import { openRoomSignals, type Gap, type RoomSignals, type SignalEntry } from '@gala/sdk/signal';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FixturePublisher } from '../harness/fixture-publisher.ts';
import { Gala, type TestHost } from '../harness/gala.ts';
import { waitFor } from '../harness/wait.ts';

/** Goal: what one viewer says another one hears, over the doors that the world uses, and a death in between. */
let gala: Gala;
let publisher: FixturePublisher;
let roomId: number;
let hostCookie: string;
let anna: Listener;
let guest: Listener;

/** A viewer in Node by the client of `sdk/signal`, and what he heard. */
class Listener {
  readonly room: RoomSignals;
  readonly heard: Signal[] = [];
  readonly gaps: Gap[] = [];

  constructor(cookie = '') {
    this.room = openRoomSignals({
      enter: () => enter(cookie),
      client: { platform: 'node', version: 1, capabilities: [] },
      linesPerSecondMax: 1000,
    });
    this.room.on('signals', (signals) => this.heard.push(...signals));
    this.room.on('gap', (gap) => this.gaps.push(gap));
    this.room.connect();
  }

  get texts(): string[] {
    return this.heard.flatMap((each) => (each.type === 'comment' ? [each.text] : []));
  }
}

async function enter(cookie: string): Promise<SignalEntry> {
  const answer = await post(`/v1/rooms/${roomId}/signals/entry`, {}, cookie);
  return (await answer.json()) as SignalEntry;
}

function post(path: string, body: object, cookie = ''): Promise<Response> {
  return send('POST', path, { body, cookie });
}

interface Sent {
  readonly body: object;
  readonly cookie: string;
}

async function send(method: string, path: string, { body, cookie }: Sent): Promise<Response> {
  const headers = new Headers({ 'content-type': 'application/json' });
  if (cookie) headers.set('cookie', cookie);
  if (cookie) headers.set('x-gala-csrf', await csrfToken(cookie));
  const answer = await fetch(gala.webUrl + path, { method, headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer;
}

async function csrfToken(cookie: string): Promise<string> {
  const answer = await fetch(`${gala.webUrl}/v1/sessions/current`, { headers: { cookie } });
  return ((await answer.json()) as { csrfToken: string }).csrfToken;
}

async function signIn({ name, password }: TestHost): Promise<string> {
  const answer = await post('/v1/sessions', { name, password });
  return answer.headers.getSetCookie()[0].split(';')[0];
}

beforeAll(async () => {
  gala = await Gala.start();
  const [mira, viewer] = await Promise.all([gala.createHost('mira'), gala.createHost('anna')]);
  hostCookie = await signIn(mira);
  publisher = await FixturePublisher.start({ rtmpUrl: gala.rtmpUrl, streamKey: mira.streamKey });
  const live = async () => (await gala.anyone.listLiveRooms({})).rooms[0]?.roomId;
  roomId = await waitFor(live, { what: 'the room' });
  [anna, guest] = [new Listener(await signIn(viewer)), new Listener()];
  await waitFor(() => anna.room.status === 'open' && guest.room.status === 'open', {
    what: 'both in the room',
  });
});
afterAll(async () => {
  anna.room.close();
  guest.room.close();
  await publisher[Symbol.asyncDispose]();
  await gala[Symbol.asyncDispose]();
});

test('a comment is heard by all and taken back for all', async () => {
  const said = await anna.room.comment('hello from Node');
  expect(said).toMatchObject({ ok: true, isHeld: false });
  await expect.poll(() => guest.texts).toEqual(['hello from Node']);
  expect(guest.heard[0]).toMatchObject({ class: 'member', author: { name: 'anna', role: 'viewer' } });
  const { signalId = '' } = said as { signalId?: string };
  expect(await anna.room.retract(signalId)).toMatchObject({ ok: true });
  await expect
    .poll(() => guest.heard.at(-1))
    .toMatchObject({ type: 'retract', class: 'control', retracted: signalId });
});

test('likes and viewers are counted in the state', async () => {
  anna.room.like(3);
  await expect.poll(() => guest.room.state('likes')?.total, { timeout: 10_000 }).toBe(3);
  await expect.poll(() => guest.room.state('viewers')?.count, { timeout: 10_000 }).toBe(2);
});

test('what the host does is seen by all, and what he said before holds', async () => {
  const { settings, version } = await gala.anyone.getChat({ hostRef: '@mira' });
  const slower = { settings: { ...settings, slowModeSeconds: 1 }, version };
  await send('PUT', '/v1/hosts/@mira/chat', { body: slower, cookie: hostCookie });
  await expect.poll(() => guest.room.rules.slowModeSeconds, { interval: 10 }).toBe(1);
  const target = '/v1/hosts/@mira/chat/sanctions/@anna/mute';
  await send('PUT', target, { body: { seconds: 60, removes: true }, cookie: hostCookie });
  await expect.poll(() => guest.heard.at(-1)).toMatchObject({ type: 'mute', removes: true });
  expect(await anna.room.comment('am I heard?')).toMatchObject({ ok: false, code: 'MUTED' });
  expect(await guest.room.comment('nor I')).toMatchObject({ ok: false, code: 'SIGN_IN_TO_SPEAK' });
  await send('DELETE', target, { body: {}, cookie: hostCookie });
  await expect.poll(() => guest.heard.at(-1)).toMatchObject({ type: 'mute', untilMs: 0 });
});

test('the process of owner and node dies: both come back, and hear each control signal once', async () => {
  const { name, pid } = (await gala.processes()).find(({ roles }) => roles.includes('signal'))!;
  process.kill(pid, 'SIGKILL');
  await expect.poll(() => anna.room.status).not.toBe('open');
  await waitFor(async () => (await gala.pidOf(name)) !== pid, { what: 'another process' });
  await waitFor(() => [anna, guest].every(({ room }) => room.status === 'open'), {
    timeoutMs: 15_000,
    what: 'both back',
  });
  await waitFor(async () => (await anna.room.comment('after the fall')).ok, {
    everyMs: 300,
    what: 'said again',
  });
  await waitFor(() => guest.texts.includes('after the fall'), { what: 'heard again' });
  expect(guest.heard.filter(({ type }) => type === 'retract')).toHaveLength(1);
  expect(guest.texts).toEqual(['hello from Node', 'after the fall']);
  expect(guest.room.rules.slowModeSeconds).toBe(1);
  // The ring died with its owner: its epoch has an open end, and nothing else is missing.
  for (const { gaps } of [anna, guest]) expect(gaps.filter(({ to }) => to !== undefined)).toEqual([]);
});

test('what the host tells in his room, and its end, are told to all', async () => {
  await send('PATCH', '/v1/hosts/me', { body: { announcement: 'at eight' }, cookie: hostCookie });
  await expect.poll(() => guest.room.state('announcement')?.text, { timeout: 10_000 }).toBe('at eight');
  await gala.operator.endRoom({ roomId });
  await expect.poll(() => guest.heard.at(-1)?.type, { timeout: 10_000 }).toBe('ended');
  expect(await anna.room.comment('too late')).toMatchObject({ ok: false, code: 'ROOM_SILENT' });
});
