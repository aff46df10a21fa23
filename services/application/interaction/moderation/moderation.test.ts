import { ManualClock } from '@gala/lib/clock';
import { coordMigrations, openPostgresCoord, type OpenCoord } from '@gala/lib/coord';
import { createMetrics } from '@gala/lib/metrics';
import { startTestPostgres, type TestPostgres } from '@gala/lib/sql/testing';
import { CodedError } from '@gala/lib/error';
import { interactionErrors } from '@gala/protocol/errors';
import { composeRoomId, composeUserId } from '@gala/protocol/ids';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defaultLimits, SpeakLimits } from '../rules/limits.ts';
import type { RoomRulebook } from '../rules/rulebook.ts';
import { defaultChatSettings } from '../rules/settings.ts';
import { createSignalId } from '../rules/signal-id.ts';
import { migrations } from '../store/schema.ts';
import type { Draft, Verdict } from '../types.ts';
import { Admission } from './admission.ts';
import { Chats } from './chats.ts';
import { ModerationEvents } from './events.ts';
import { Follows } from './follows.ts';
import { Moderation, type Actor, type OwnedRooms } from './moderation.ts';
import { SiteSanctions } from './site-sanctions.ts';

let postgres: TestPostgres;
const clock = new ManualClock();

beforeAll(async () => {
  postgres = await startTestPostgres({ sets: [coordMigrations, ...migrations] });
});
afterAll(() => postgres[Symbol.asyncDispose]());

/** What an owner was asked to say, as an owner would have said it. */
class SaidRooms implements OwnedRooms {
  readonly said: { readonly roomId: number; readonly draft: Draft; readonly id: string }[] = [];
  readonly kicked: (readonly [roomId: number, userId: number])[] = [];
  readonly state: (readonly [name: string, value: unknown])[] = [];
  failure: Error | undefined;
  /** Another process has taken the rooms. */
  isLost = false;

  async hold(): Promise<void> {}

  assertHeld(): void {
    if (this.isLost) throw new CodedError(interactionErrors, 'NOT_OWNER');
  }

  async say(roomId: number, draft: Draft, id: string): Promise<void> {
    if (this.failure) throw this.failure;
    this.said.push({ roomId, draft, id });
  }

  set(_roomId: number, name: string, value: unknown): void {
    this.state.push([name, value]);
  }

  async kick(roomId: number, userId: number): Promise<void> {
    this.kicked.push([roomId, userId]);
  }
}

let processes = 0;

/** One process of the role, as far as moderation goes. */
async function openProcess() {
  const coord: OpenCoord = await openPostgresCoord({
    database: postgres.sql.core(),
    processId: `test-${++processes}`,
    clock,
    logger: postgres.logger,
    metrics: createMetrics('test'),
  });
  const events = new ModerationEvents({ logger: postgres.logger, metrics: createMetrics('test') });
  const { sql } = postgres;
  const siteSanctions = await SiteSanctions.open({ sql, coord, clock, events });
  const limits = new SpeakLimits(defaultLimits, clock);
  const chats = new Chats({ sql, clock, events, limits, siteSanctions });
  const admission = new Admission({ sql, clock, siteSanctions });
  const rooms = new SaidRooms();
  const parts = { sql, clock, events, chats, siteSanctions, admission, rooms };
  return {
    ...parts,
    moderation: new Moderation(parts),
    follows: new Follows(parts),
    [Symbol.asyncDispose]: async () => {
      await siteSanctions[Symbol.asyncDispose]();
      await coord[Symbol.asyncDispose]();
    },
  };
}

let hostsMade = 100;
const newHost = () => {
  const hostId = composeUserId(0, ++hostsMade);
  return { hostId, roomId: composeRoomId(hostId, 1), host: actor(hostId) };
};
const actor = (userId: number, isOperator = false): Actor => ({ userId, isOperator, reason: 'a test' });
const operator = actor(0, true);
const say = (book: RoomRulebook, userId: number, text = 'hello'): Verdict =>
  book.judge({
    speaker: { userId, name: `user${userId}`, role: 'viewer', device: `d${userId}`, address: '192.0.2.1' },
    signal: { type: 'comment', text },
    nowMs: clock.nowMs(),
  });
const outcome = (verdict: Verdict) => (verdict.kind === 'refuse' ? verdict.code : verdict.kind);

test('settings last, have versions, hold at once in open rooms, and are told', async () => {
  await using here = await openProcess();
  const { hostId, roomId, host } = newHost();
  expect(await here.moderation.settings(hostId)).toMatchObject({ settings: defaultChatSettings, version: 0 });
  const book = await here.chats.open({ roomId, hostId });
  const settings = { ...defaultChatSettings, emoteOnly: true };
  const put = (version: number, changes = {}) =>
    here.moderation.putSettings({ hostId, settings: { ...settings, ...changes }, version }, host);
  expect(await put(0)).toBe(1);
  expect(outcome(say(book, 7))).toBe('EMOTES_ONLY');
  expect(here.rooms.said).toMatchObject([
    { roomId, id: 'rules/1', draft: { type: 'rules', rules: { emoteOnly: true } } },
  ]);
  expect(here.rooms.state).toMatchObject([['rules', { emoteOnly: true }]]);
  expect(await put(0)).toBe(1);
  await expect(put(0, { isClosed: true })).rejects.toMatchObject({ code: 'CHAT_CHANGED' });
  expect(await put(1, { isClosed: true })).toBe(2);
  await using there = await openProcess();
  const taken = await there.chats.open({ roomId, hostId });
  expect(outcome(say(taken, 7))).toBe('CHAT_CLOSED');
});

test('a chat is for its host, his moderators and operators; who is a moderator for the host and operators', async () => {
  await using here = await openProcess();
  const { hostId, roomId, host } = newHost();
  const [mod, stranger] = [actor(50), actor(51)];
  const order = { hostId, userId: 50, name: 'fifty', moderates: true };
  await expect(here.moderation.setModerator(order, mod)).rejects.toMatchObject({ code: 'NOT_MODERATOR' });
  const book = await here.chats.open({ roomId, hostId });
  for (const _ of [1, 2]) await here.moderation.setModerator(order, host);
  expect(await here.moderation.moderators(hostId, mod)).toMatchObject([{ userId: 50, name: 'fifty' }]);
  expect(book.roleOf({ userId: 50, role: 'viewer' })).toBe('moderator');
  const put = (by: Actor, version: number) =>
    here.moderation.putSettings({ hostId, settings: defaultChatSettings, version }, by);
  expect(await put(mod, 0)).toBe(1);
  expect(await put(operator, 1)).toBe(2);
  await expect(put(stranger, 2)).rejects.toMatchObject({ code: 'NOT_MODERATOR' });
  for (const asked of [
    () => here.moderation.words(hostId, stranger),
    () => here.moderation.held(roomId, stranger),
    () => here.moderation.retract(roomId, createSignalId(7), stranger),
    () => here.moderation.moderators(hostId, stranger),
    () => here.moderation.sanctions(hostId, { nowMs: 0, afterUserId: 0, limit: 10 }, stranger),
  ])
    await expect(asked()).rejects.toMatchObject({ code: 'NOT_MODERATOR' });
  await here.moderation.setModerator({ ...order, moderates: false }, operator);
  await expect(put(mod, 2)).rejects.toMatchObject({ code: 'NOT_MODERATOR' });
  expect(book.roleOf({ userId: 50, role: 'moderator' })).toBe('viewer');
});

test('a mute is written, holds at once, is told with what it takes back, ends, and is taken back', async () => {
  await using here = await openProcess();
  const { hostId, roomId, host } = newHost();
  const book = await here.chats.open({ roomId, hostId });
  const order = { hostId, userId: 7, name: 'seven', kind: 'mute', seconds: 60, removes: true } as const;
  const untilMs = await here.moderation.sanction(order, host);
  expect(untilMs).toBe(clock.nowMs() + 60_000);
  expect(say(book, 7)).toMatchObject({ code: 'MUTED', retryAfterMs: 60_000 });
  expect(here.rooms.said).toMatchObject([
    { roomId, draft: { type: 'mute', class: 'control', userId: 7, untilMs, removes: true } },
  ]);
  const page = { nowMs: clock.nowMs(), afterUserId: 0, limit: 10 };
  expect(await here.moderation.sanctions(hostId, page, host)).toMatchObject([
    { userId: 7, name: 'seven', kind: 'mute', untilMs, by: hostId, reason: 'a test' },
  ]);
  await using there = await openProcess();
  expect(outcome(say(await there.chats.open({ roomId, hostId }), 7))).toBe('MUTED');
  for (const _ of [1, 2]) await here.moderation.unsanction(order, host);
  expect(outcome(say(book, 7))).toBe('say');
  expect(here.rooms.said.slice(1)).toMatchObject([{ draft: { type: 'mute', userId: 7, untilMs: 0 } }]);
  expect(await here.moderation.sanctions(hostId, page, host)).toEqual([]);
});

test('a ban keeps out, closes connections and drops what is held; a shadow is told to nobody', async () => {
  await using here = await openProcess();
  const { hostId, roomId, host } = newHost();
  const book = await here.chats.open({ roomId, hostId });
  const entrant = { roomId, userId: 8, isOperator: false };
  expect(await here.admission.admit(entrant)).toEqual({ role: 'viewer', isBanned: false, bannedUntilMs: 0 });
  book.change({ ...defaultChatSettings, holdsAll: true });
  expect(outcome(say(book, 8))).toBe('hold');
  const order = { hostId, userId: 8, name: 'eight', seconds: 0, removes: false } as const;
  await here.moderation.sanction({ ...order, kind: 'ban' }, host);
  expect(book.held.size).toBe(0);
  expect(here.rooms.kicked).toEqual([[roomId, 8]]);
  expect(outcome(say(book, 8))).toBe('BANNED');
  expect(await here.admission.admit(entrant)).toEqual({ role: 'viewer', isBanned: true, bannedUntilMs: 0 });
  const told = here.rooms.said.length;
  await here.moderation.sanction({ ...order, userId: 9, kind: 'shadow' }, host);
  expect(outcome(say(book, 9))).toBe('shadow');
  expect(here.rooms.said).toHaveLength(told);
});

test('neither the host nor his moderators are sanctioned', async () => {
  await using here = await openProcess();
  const { hostId, host } = newHost();
  await here.moderation.setModerator({ hostId, userId: 50, name: 'fifty', moderates: true }, host);
  for (const userId of [hostId, 50]) {
    const order = { hostId, userId, name: 'x', kind: 'ban', seconds: 0, removes: false } as const;
    await expect(here.moderation.sanction(order, actor(50))).rejects.toMatchObject({
      code: 'SANCTION_REFUSED',
    });
  }
  expect(
    (await here.admission.admit({ roomId: composeRoomId(hostId, 1), userId: 50, isOperator: false })).role,
  ).toBe('moderator');
});

test('operators sanction in the whole installation, and every process knows', async () => {
  await using here = await openProcess();
  await using there = await openProcess();
  const { hostId, roomId, host } = newHost();
  const book = await there.chats.open({ roomId, hostId });
  const order = { hostId: 0, userId: 77, name: 'x', kind: 'ban', seconds: 0, removes: false } as const;
  await expect(here.moderation.sanction(order, host)).rejects.toMatchObject({ code: 'NOT_MODERATOR' });
  await here.moderation.sanction(order, operator);
  expect(here.rooms.kicked).toEqual([[0, 77]]);
  await expect.poll(() => outcome(say(book, 77))).toBe('BANNED');
  expect((await there.admission.admit({ roomId, userId: 77, isOperator: false })).isBanned).toBe(true);
  await here.moderation.unsanction(order, operator);
  await expect
    .poll(async () => (await there.admission.admit({ roomId, userId: 77, isOperator: false })).isBanned)
    .toBe(false);
});

test('as many are sanctioned as may be; those that have ended make room', async () => {
  await using here = await openProcess();
  const { hostId, host } = newHost();
  await postgres.sql.tx(0, async () => undefined);
  const { shardOfUser } = await import('@gala/protocol/ids');
  await postgres.sql.tx(shardOfUser(hostId), (client) =>
    client.query(
      `insert into interaction_sanction select $1, $2, 1000 + n, 'mute', 'x', $3, 0, '', 0 from generate_series(1, 10000) n`,
      [shardOfUser(hostId), hostId, clock.nowMs() + 60_000],
    ),
  );
  const order = { hostId, userId: 7, name: 'x', kind: 'mute', seconds: 1, removes: false } as const;
  await expect(here.moderation.sanction(order, host)).rejects.toMatchObject({ code: 'TOO_MANY_SANCTIONS' });
  await here.moderation.sanction({ ...order, userId: 1001 }, host);
  clock.advance(60_000);
  await here.moderation.sanction(order, host);
});

test('words are replaced as a whole, hold at once, and are refused when they are none', async () => {
  await using here = await openProcess();
  const { hostId, roomId, host } = newHost();
  const book = await here.chats.open({ roomId, hostId });
  const words = [{ word: 'spam', action: 'refuse' }] as const;
  expect(await here.moderation.putWords({ hostId, words, version: 0 }, host)).toBe(1);
  expect(outcome(say(book, 7, 'S.P.A.M'))).toBe('WORD_REFUSED');
  expect(await here.moderation.words(hostId, host)).toEqual({ words, version: 1 });
  expect(await here.moderation.putWords({ hostId, words, version: 0 }, host)).toBe(1);
  const none = here.moderation.putWords(
    { hostId, words: [{ word: '...', action: 'mask' }], version: 1 },
    host,
  );
  await expect(none).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  const stale = here.moderation.putWords({ hostId, words: [], version: 0 }, host);
  await expect(stale).rejects.toMatchObject({ code: 'CHAT_CHANGED' });
  expect(await here.moderation.putWords({ hostId, words: [], version: 1 }, host)).toBe(2);
  expect(outcome(say(book, 7, 'spam'))).toBe('say');
});

test('what is held is approved or rejected, once, and stays when it cannot be said', async () => {
  await using here = await openProcess();
  const { hostId, roomId, host } = newHost();
  const book = await here.chats.open({ roomId, hostId });
  book.change({ ...defaultChatSettings, holdsAll: true });
  for (const [at, userId] of [7, 8, 9].entries()) say(book, userId, `number ${at}`);
  const { comments } = await here.moderation.held(roomId, host);
  expect(comments.map(({ draft }) => draft.text)).toEqual(['number 0', 'number 1', 'number 2']);
  const review = (at: number, approves: boolean) =>
    here.moderation.review({ roomId, signalId: comments[at].signalId, approves }, host);
  for (const _ of [1, 2]) await review(0, true);
  expect(here.rooms.said).toMatchObject([{ roomId, draft: { type: 'comment', text: 'number 0' } }]);
  for (const _ of [1, 2]) await review(1, false);
  await expect(review(1, true)).rejects.toMatchObject({ code: 'SIGNAL_UNKNOWN' });
  here.rooms.failure = new Error('not now');
  await expect(review(2, true)).rejects.toThrow('not now');
  here.rooms.failure = undefined;
  await review(2, true);
  expect(here.rooms.said).toHaveLength(2);
});

test('a moderator takes back what was said, and what waits', async () => {
  await using here = await openProcess();
  const { hostId, roomId, host } = newHost();
  const signalId = createSignalId(7);
  await here.moderation.retract(roomId, signalId, host);
  expect(here.rooms.said).toMatchObject([
    { roomId, draft: { type: 'retract', class: 'control', retracted: signalId } },
  ]);
  await expect(here.moderation.retract(roomId, 'nothing', host)).rejects.toMatchObject({
    code: 'SIGNAL_UNKNOWN',
  });
  const book = await here.chats.open({ roomId, hostId });
  book.change({ ...defaultChatSettings, holdsAll: true });
  const held = say(book, 7);
  await here.moderation.retract(roomId, held.kind === 'hold' ? held.signalId : '', host);
  expect([here.rooms.said.length, book.held.size]).toEqual([1, 0]);
});

test('follows are counted once, told once, and let followers speak at once', async () => {
  await using here = await openProcess();
  const { hostId, roomId } = newHost();
  const book = await here.chats.open({ roomId, hostId });
  book.change({ ...defaultChatSettings, followersOnly: true });
  const speaker = (userId: number) =>
    ({ userId, name: 'x', role: 'viewer', device: `d${userId}`, address: '192.0.2.1' }) as const;
  expect(outcome(say(book, 7))).toBe('UNAVAILABLE');
  await book.prepare([speaker(7), speaker(8)]);
  expect(book.prepare([speaker(7)])).toBeUndefined();
  expect(outcome(say(book, 7))).toBe('FOLLOWERS_ONLY');
  const order = { hostId, userId: 7, name: 'seven' };
  const sinceMs = await here.follows.follow(order);
  clock.advance(5000);
  expect(await here.follows.follow(order)).toBe(sinceMs);
  expect(outcome(say(book, 7))).toBe('say');
  expect(here.rooms.said).toMatchObject([
    { roomId, draft: { type: 'follow', class: 'system', author: { userId: 7 } } },
  ]);
  expect(await here.follows.read(hostId, 7)).toEqual({ followedAtMs: sinceMs, followers: 1 });
  expect(await here.follows.read(hostId, 0)).toEqual({ followedAtMs: 0, followers: 1 });
  await using there = await openProcess();
  const taken = await there.chats.open({ roomId, hostId });
  taken.change({ ...defaultChatSettings, followersOnly: true });
  await taken.prepare([speaker(7)]);
  expect(outcome(say(taken, 7))).toBe('say');
  for (const _ of [1, 2]) await here.follows.unfollow(order);
  expect(outcome(say(book, 7))).toBe('FOLLOWERS_ONLY');
  expect(await here.follows.read(hostId, 7)).toEqual({ followedAtMs: 0, followers: 0 });
  await here.follows.follow(order);
  expect(here.rooms.said).toHaveLength(1);
});

test('many follow at once: the count is theirs', async () => {
  await using here = await openProcess();
  const { hostId } = newHost();
  const users = Array.from({ length: 40 }, (_, at) => 2000 + (at % 20));
  await Promise.all(users.map((userId) => here.follows.follow({ hostId, userId, name: 'x' })));
  expect((await here.follows.read(hostId, 0)).followers).toBe(20);
});

test('a room that is closed and opened again has rules of its own', async () => {
  await using here = await openProcess();
  const { hostId, roomId, host } = newHost();
  const first = await here.chats.open({ roomId, hostId });
  const closing = here.chats.close({ roomId, hostId }, first);
  const second = await here.chats.open({ roomId, hostId });
  await closing;
  await here.moderation.putSettings(
    { hostId, settings: { ...defaultChatSettings, isClosed: true }, version: 0 },
    host,
  );
  expect(outcome(say(second, 7))).toBe('CHAT_CLOSED');
  await here.chats.close({ roomId, hostId }, second);
  expect(here.chats.room(roomId)).toBeUndefined();
});

test('what was written when the rooms were lost is asked again at the new owner, and holds there', async () => {
  await using before = await openProcess();
  await using after = await openProcess();
  const { hostId, roomId, host } = newHost();
  const book = await after.chats.open({ roomId, hostId });
  before.rooms.isLost = true;
  const words = [{ word: 'spam', action: 'refuse' }] as const;
  const settings = { ...defaultChatSettings, slowModeSeconds: 1 };
  const mute = { hostId, userId: 9, name: 'x', kind: 'mute', seconds: 0, removes: false } as const;
  for (const act of [
    ({ moderation }: typeof after) => moderation.putSettings({ hostId, settings, version: 0 }, host),
    ({ moderation }: typeof after) => moderation.putWords({ hostId, words, version: 0 }, host),
    ({ moderation }: typeof after) => moderation.sanction(mute, host),
    ({ moderation }: typeof after) =>
      moderation.setModerator({ hostId, userId: 50, name: 'x', moderates: true }, host),
    ({ follows }: typeof after) => follows.follow({ hostId, userId: 7, name: 'x' }),
  ]) {
    await expect(act(before)).rejects.toMatchObject({ code: 'NOT_OWNER' });
    await act(after);
  }
  expect(book.settings.slowModeSeconds).toBe(1);
  expect(outcome(say(book, 7, 'spam'))).toBe('WORD_REFUSED');
  expect(outcome(say(book, 9))).toBe('MUTED');
  expect(book.roleOf({ userId: 50, role: 'viewer' })).toBe('moderator');
  await expect(before.moderation.unsanction(mute, host)).rejects.toMatchObject({ code: 'NOT_OWNER' });
  await after.moderation.unsanction(mute, host);
  expect(outcome(say(book, 9))).toBe('say');
});
