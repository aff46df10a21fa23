import { ManualClock } from '@gala/lib/clock';
import { interactionErrors } from '@gala/protocol/errors';
import type { ClientSignal, RoomRole } from '@gala/protocol/signals';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Speaker, Verdict } from '../types.ts';
import type { FollowSource } from './follows.ts';
import { heldMax, heldMs } from './hold-queue.ts';
import { defaultLimits, SpeakLimits, type LimitsConfig } from './limits.ts';
import { openRulebook, type RoomRulebook } from './rulebook.ts';
import { Sanctions, type Sanction } from './sanctions.ts';
import { defaultChatSettings, type ChatSettings } from './settings.ts';
import { createSignalId } from './signal-id.ts';
import { WordFilter } from './words.ts';

const unlimited = { perSecond: 1e6, burst: 1e6 };
const free: LimitsConfig = {
  commentsPerUser: unlimited,
  commentsPerDevice: unlimited,
  commentsPerAddress: unlimited,
  commentsPerStaff: unlimited,
  likesPerUser: unlimited,
  likesPerAddress: unlimited,
  commentsPerRoom: unlimited,
  keysMax: 1000,
};

interface WorldOptions {
  readonly settings?: Partial<ChatSettings>;
  readonly limits?: Partial<LimitsConfig>;
  readonly sanctions?: readonly Sanction[];
  readonly siteSanctions?: readonly Sanction[];
  readonly follows?: Readonly<Record<number, number>>;
  readonly words?: WordFilter;
  readonly moderators?: readonly number[];
}

const nobody: FollowSource = { sinceMs: () => 0, prepare: () => undefined };

/** One room with a clock that is moved by hand. */
class World {
  readonly clock = new ManualClock();
  readonly book: RoomRulebook;
  readonly sanctions: Sanctions;

  constructor(options: WorldOptions = {}) {
    const {
      follows = {},
      siteSanctions = [],
      sanctions = [],
      moderators = [],
      words = WordFilter.empty,
    } = options;
    this.sanctions = new Sanctions(sanctions);
    this.book = openRulebook({
      settings: { ...defaultChatSettings, ...options.settings },
      sanctions: this.sanctions,
      siteSanctions: new Sanctions(siteSanctions),
      words,
      moderators: new Set(moderators),
      follows: { ...nobody, sinceMs: (userId) => follows[userId] ?? 0 },
      limits: new SpeakLimits({ ...free, ...options.limits }, this.clock),
      clock: this.clock,
    });
  }

  get nowMs(): number {
    return this.clock.nowMs();
  }

  judge(signal: ClientSignal, from: Partial<Speaker> = {}): Verdict {
    const speaker: Speaker = {
      userId: 7,
      name: 'seven',
      role: 'viewer',
      device: `device-${from.userId ?? 7}`,
      address: '192.0.2.1',
      ...from,
    };
    return this.book.judge({ speaker, signal, nowMs: this.nowMs });
  }

  say(text: string, from: Partial<Speaker> = {}): Verdict {
    return this.judge({ type: 'comment', text }, from);
  }

  /** `say`, `shadow`, `hold`, or the code of the refusal. */
  outcome(text: string, from: Partial<Speaker> = {}): string {
    return outcomeOf(this.say(text, from));
  }
}

function outcomeOf(verdict: Verdict): string {
  return verdict.kind === 'refuse' ? verdict.code : verdict.kind;
}

function waitMsOf(verdict: Verdict): number {
  return verdict.kind === 'refuse' ? verdict.retryAfterMs : 0;
}

const guest: Partial<Speaker> = { userId: 0, name: '', device: 'device-guest' };
const staff: readonly Partial<Speaker>[] = [
  { userId: 1, role: 'host' },
  { userId: 2, role: 'moderator' },
  { userId: 0, role: 'operator' },
];
const moderated = { moderators: [2] };

test('a comment is said with its author, its class and a name for retraction', () => {
  const world = new World(moderated);
  const verdict = world.judge({ type: 'comment', text: '  hello ', mediaMs: 1234.4 });
  expect(verdict).toMatchObject({
    kind: 'say',
    drafts: [
      {
        type: 'comment',
        class: 'member',
        text: 'hello',
        count: 1,
        mediaMs: 1234,
        author: { userId: 7, role: 'viewer' },
      },
    ],
  });
  expect(world.say('hello', staff[1])).toMatchObject({
    drafts: [{ class: 'host', author: { role: 'moderator' } }],
  });
  for (const mediaMs of [-1, Number.NaN, Infinity]) {
    const said = world.judge({ type: 'comment', text: 'x', mediaMs });
    expect(said.kind === 'say' && said.drafts[0].mediaMs).toBeUndefined();
  }
  expect(world.outcome(' \u200b ')).toBe('COMMENT_INVALID');
});

test('a closed chat is for host, moderators and operators', () => {
  const world = new World({ ...moderated, settings: { isClosed: true } });
  expect(world.outcome('hello')).toBe('CHAT_CLOSED');
  for (const speaker of staff) expect(world.outcome('hello', speaker)).toBe('say');
});

test('guests speak only where the host lets them, and may always like', () => {
  const closed = new World();
  expect(closed.outcome('hello', guest)).toBe('SIGN_IN_TO_SPEAK');
  expect(closed.judge({ type: 'like', count: 3 }, guest)).toEqual({
    kind: 'say',
    drafts: [{ type: 'like', class: 'ambient', signalId: '', count: 3 }],
  });
  expect(new World({ settings: { guestsMaySpeak: true } }).outcome('hello', guest)).toBe('say');
});

test('mute, ban and shadow hold until their end, then not', () => {
  const untilMs = new ManualClock().nowMs() + 60_000;
  const sanctions = [
    { userId: 7, kind: 'mute', untilMs },
    { userId: 8, kind: 'ban', untilMs: 0 },
    { userId: 9, kind: 'shadow', untilMs },
  ] as const;
  const world = new World({ sanctions });
  expect(world.say('x')).toEqual({ kind: 'refuse', code: 'MUTED', retryAfterMs: 60_000 });
  expect(outcomeOf(world.judge({ type: 'like', count: 1 }))).toBe('say');
  expect(world.say('x', { userId: 8 })).toEqual({ kind: 'refuse', code: 'BANNED', retryAfterMs: 0 });
  expect(outcomeOf(world.judge({ type: 'like', count: 1 }, { userId: 8 }))).toBe('BANNED');
  expect(world.say('x', { userId: 9 })).toMatchObject({ kind: 'shadow', drafts: [{ text: 'x' }] });
  expect(outcomeOf(world.judge({ type: 'like', count: 1 }, { userId: 9 }))).toBe('shadow');
  world.clock.advance(60_000);
  expect([world.outcome('x'), world.outcome('x', { userId: 9 })]).toEqual(['say', 'say']);
  expect(world.outcome('x', { userId: 8 })).toBe('BANNED');
  world.sanctions.delete(8, 'ban');
  expect(world.outcome('x', { userId: 8 })).toBe('say');
});

test('sanctions of the installation hold everywhere', () => {
  const siteSanctions = [{ userId: 7, kind: 'ban', untilMs: 0 }] as const;
  const world = new World({ siteSanctions });
  expect([world.outcome('x'), world.outcome('x', { userId: 8 })]).toEqual(['BANNED', 'say']);
});

test('slow mode makes each wait for himself alone, and what was refused does not count', () => {
  const world = new World({ settings: { slowModeSeconds: 10, emoteOnly: true } });
  expect(world.outcome('words')).toBe('EMOTES_ONLY');
  expect(world.outcome('😀')).toBe('say');
  world.clock.advance(4000);
  expect(world.say('😀')).toEqual({ kind: 'refuse', code: 'SLOW_MODE', retryAfterMs: 6000 });
  expect(world.outcome('😀', { userId: 8 })).toBe('say');
  world.clock.advance(6000);
  expect(world.outcome('😀')).toBe('say');
});

test('followers speak once they have followed for long enough', () => {
  const startMs = new ManualClock().nowMs();
  const follows = { 7: startMs - 60_000 };
  const world = new World({
    follows,
    settings: { followersOnly: true, followedMinutesMin: 3, guestsMaySpeak: true },
  });
  expect(world.say('x')).toEqual({ kind: 'refuse', code: 'FOLLOWERS_ONLY', retryAfterMs: 120_000 });
  expect(world.say('x', { userId: 8 })).toEqual({ kind: 'refuse', code: 'FOLLOWERS_ONLY', retryAfterMs: 0 });
  expect(world.outcome('x', guest)).toBe('SIGN_IN_TO_SPEAK');
  world.clock.advance(120_000);
  expect(world.outcome('x')).toBe('say');
});

test('who follows is not known: he waits a second, others go on', () => {
  const clock = new ManualClock();
  const options = {
    sanctions: new Sanctions([]),
    words: WordFilter.empty,
    moderators: new Set<number>(),
    siteSanctions: new Sanctions([]),
    follows: { ...nobody, sinceMs: () => undefined },
    limits: new SpeakLimits(free, clock),
    clock,
  };
  const speaker = { userId: 7, name: 'seven', role: 'viewer', device: 'd', address: '::1' } as const;
  const said = { speaker, signal: { type: 'comment', text: 'x' }, nowMs: clock.nowMs() } as const;
  const followersOnly = openRulebook({
    ...options,
    settings: { ...defaultChatSettings, followersOnly: true },
  });
  expect(followersOnly.judge(said)).toEqual({ kind: 'refuse', code: 'UNAVAILABLE', retryAfterMs: 1000 });
  expect(openRulebook({ ...options, settings: defaultChatSettings }).judge(said).kind).toBe('say');
});

test('unique chat: what was said by anyone is not said again for a while, however it is written', () => {
  const world = new World({ ...moderated, settings: { uniqueChat: true, uniqueChatSeconds: 60 } });
  expect(world.outcome('Hello world')).toBe('say');
  expect(world.say('HELLO, wörld!', { userId: 8 })).toMatchObject({
    code: 'SAID_BEFORE',
    retryAfterMs: 60_000,
  });
  expect([world.outcome('?!'), world.outcome('?!'), world.outcome('!?')]).toEqual([
    'say',
    'SAID_BEFORE',
    'say',
  ]);
  for (const speaker of staff) expect(world.outcome('hello world', speaker)).not.toBe('SAID_BEFORE');
  world.clock.advance(60_000);
  expect(world.outcome('hello world')).toBe('say');
});

test('words are refused, held or masked; links as the host wants', async () => {
  const words = await WordFilter.build([
    { word: 'never', action: 'refuse' },
    { word: 'maybe', action: 'hold' },
    { word: 'damn', action: 'mask' },
  ]);
  const world = new World({ ...moderated, words });
  expect(world.outcome('well, n.e.v.e.r')).toBe('WORD_REFUSED');
  expect(world.outcome('maybe')).toBe('hold');
  expect(world.say('damn it')).toMatchObject({ drafts: [{ text: '**** it' }] });
  for (const speaker of staff)
    expect(world.say('never', speaker)).toMatchObject({ drafts: [{ text: 'never' }] });
  expect(world.outcome('see example.com')).toBe('say');
  world.book.change({ ...defaultChatSettings, links: 'refuse' });
  expect(world.outcome('see example.com')).toBe('LINK_REFUSED');
  world.book.change({ ...defaultChatSettings, links: 'hold' });
  expect(world.outcome('see example.com')).toBe('hold');
  world.book.changeWords(WordFilter.empty);
  expect(world.outcome('never')).toBe('say');
});

test('what is held waits in a queue with a bound and an end', () => {
  const world = new World({ ...moderated, settings: { holdsAll: true } });
  const first = world.say('number 0');
  expect(first.kind).toBe('hold');
  for (let at = 1; at <= heldMax; at++) world.say(`number ${at}`, { userId: 100 + at });
  const { held } = world.book;
  expect([held.size, held.dropped]).toEqual([heldMax, 1]);
  const [oldest] = held.list(world.nowMs);
  expect(oldest).toMatchObject({ reason: 'all', draft: { text: 'number 1' } });
  expect(held.take(oldest.signalId, world.nowMs)).toBe(oldest);
  expect(held.take(oldest.signalId, world.nowMs)).toBeUndefined();
  held.removeOf(102);
  expect(held.list(world.nowMs)[0].draft.text).toBe('number 3');
  world.clock.advance(heldMs);
  expect(held.list(world.nowMs)).toEqual([]);
  expect(held.expired).toBe(heldMax - 2);
  for (const speaker of staff) expect(world.outcome('at once', speaker)).toBe('say');
});

test('a shadowed comment that the rules refuse is refused like any other, and is never held', () => {
  const sanctions = [{ userId: 7, kind: 'shadow', untilMs: 0 }] as const;
  const world = new World({ sanctions, settings: { emoteOnly: true, holdsAll: true } });
  expect(world.outcome('words')).toBe('EMOTES_ONLY');
  expect(world.outcome('😀')).toBe('shadow');
  expect(world.book.held.size).toBe(0);
});

test('authors retract what is theirs, moderators anything', () => {
  const world = new World({ ...moderated, sanctions: [{ userId: 9, kind: 'shadow', untilMs: 0 }] });
  const said = world.say('oops');
  const signalId = said.kind === 'say' ? said.drafts[0].signalId : '';
  const retract = (from: Partial<Speaker>, id = signalId) =>
    world.judge({ type: 'retract', signalId: id }, from);
  const drafts = [{ type: 'retract', class: 'control', signalId: '', retracted: signalId }];
  expect(retract({})).toEqual({ kind: 'say', drafts });
  expect(outcomeOf(retract({ userId: 8 }))).toBe('NOT_MODERATOR');
  expect(outcomeOf(retract(guest))).toBe('NOT_MODERATOR');
  expect(outcomeOf(retract(guest, createSignalId(0)))).toBe('NOT_MODERATOR');
  for (const speaker of staff) expect(retract(speaker)).toEqual({ kind: 'say', drafts });
  expect(outcomeOf(retract({}, 'nothing'))).toBe('SIGNAL_UNKNOWN');
  expect(outcomeOf(retract({ userId: 9 }, createSignalId(9)))).toBe('shadow');
});

test('what is still held is taken back without a word to others', () => {
  const world = new World({ settings: { holdsAll: true } });
  const verdict = world.say('oops');
  const signalId = verdict.kind === 'hold' ? verdict.signalId : '';
  expect(world.judge({ type: 'retract', signalId })).toEqual({ kind: 'say', drafts: [] });
  expect(world.book.held.size).toBe(0);
});

test('a ticket that says moderator counts as long as he is one', () => {
  const world = new World({ ...moderated, settings: { isClosed: true } });
  expect(world.outcome('x', staff[1])).toBe('say');
  world.book.changeModerators(new Set([7]));
  expect(world.outcome('x', staff[1])).toBe('CHAT_CLOSED');
  expect(world.outcome('x', { role: 'viewer' })).toBe('say');
  expect(world.outcome('x', { ...guest, role: 'moderator' })).toBe('CHAT_CLOSED');
});

/** One floods for ten seconds, ten others say something once a second each. */
function flood(limits: Partial<LimitsConfig>, speakerOf: (at: number) => Partial<Speaker>) {
  const world = new World({ limits: { ...defaultLimits, ...limits }, settings: { guestsMaySpeak: true } });
  const other = (at: number) => ({ userId: 500 + at, device: `other-${at}`, address: `198.51.100.${at}` });
  let [flooded, others] = [0, 0];
  for (let second = 0; second < 10; second++) {
    for (let at = 0; at < 1000; at++) flooded += Number(world.outcome('flood', speakerOf(at)) === 'say');
    for (let at = 0; at < 10; at++) others += Number(world.outcome(`hi ${second}`, other(at)) === 'say');
    world.clock.advance(1000);
  }
  return { flooded, others };
}

test('a flood by one user, device, address or moderator stays theirs', () => {
  const ofUser = flood({}, (at) => ({
    userId: 7,
    device: `device-${at}`,
    address: `10.0.${at >> 8}.${at & 255}`,
  }));
  expect(ofUser).toEqual({ flooded: 5 + 9, others: 100 });
  const ofDevice = flood({}, (at) => ({ ...guest, address: `10.0.${at >> 8}.${at & 255}` }));
  expect(ofDevice).toEqual({ flooded: 5 + 9, others: 100 });
  const ofAddress = flood({}, (at) => ({ ...guest, device: `guest-${at}`, address: '192.0.2.9' }));
  expect(ofAddress).toEqual({ flooded: 200 + 9 * 50, others: 100 });
  const ofPrefix = flood({}, (at) => ({ ...guest, device: `guest-${at}`, address: `2001:db8::${at}` }));
  expect(ofPrefix.flooded).toBe(ofAddress.flooded);
  const ofHost = flood({}, () => ({ userId: 1, role: 'host' }));
  expect(ofHost).toEqual({ flooded: 100 + 9 * 20, others: 100 });
});

test('a flood of many stays in its room, and is told so', () => {
  const clock = new ManualClock();
  const limits = new SpeakLimits(
    { ...free, keysMax: 100_000, commentsPerRoom: { perSecond: 10, burst: 10 } },
    clock,
  );
  const open = () =>
    openRulebook({
      settings: defaultChatSettings,
      sanctions: new Sanctions([]),
      words: WordFilter.empty,
      moderators: new Set(),
      siteSanctions: new Sanctions([]),
      follows: nobody,
      limits,
      clock,
    });
  const [crowded, quiet] = [open(), open()];
  const say = (book: RoomRulebook, userId: number, role: RoomRole = 'viewer') =>
    book.judge({
      speaker: {
        userId,
        name: 'x',
        role,
        device: `d${userId}`,
        address: `10.1.${userId >> 8}.${userId & 255}`,
      },
      signal: { type: 'comment', text: 'x' },
      nowMs: clock.nowMs(),
    });
  const outcomes = Array.from({ length: 100 }, (_, at) => outcomeOf(say(crowded, at + 1)));
  expect(outcomes.filter((each) => each === 'say')).toHaveLength(10);
  expect(outcomes.filter((each) => each === 'ROOM_BUSY')).toHaveLength(90);
  expect(waitMsOf(say(crowded, 900))).toBeGreaterThan(0);
  expect(say(crowded, 1, 'host').kind).toBe('say');
  expect(say(quiet, 901).kind).toBe('say');
});

test('likes have limits of their own, and a bound for one message', () => {
  const { likesPerUser } = defaultLimits;
  const world = new World({ limits: { likesPerUser } });
  const like = (count: number, from?: Partial<Speaker>) =>
    outcomeOf(world.judge({ type: 'like', count }, from));
  for (const count of [0, -1, 1.5, 51, Number.NaN]) expect(like(count)).toBe('SIGNAL_INVALID');
  const outcomes = Array.from({ length: 30 }, () => like(50));
  expect(outcomes.filter((each) => each === 'say')).toHaveLength(likesPerUser.burst - 5);
  expect(outcomes.at(-1)).toBe('TOO_FAST');
  expect(like(1, { userId: 8 })).toBe('say');
  expect(world.outcome('comments go on')).toBe('say');
});

test('memory of speakers and sayings is bounded', () => {
  const limits = { keysMax: 50 };
  const world = new World({ limits, settings: { slowModeSeconds: 60, uniqueChat: true } });
  for (let at = 0; at < 12_000; at++) world.outcome(`text ${at}`, { userId: 1000 + at });
  expect(world.outcome('text 0', { userId: 1000 })).toBe('say');
  expect(world.outcome('text 11999', { userId: 9 })).toBe('SAID_BEFORE');
  expect(world.outcome('again', { userId: 12_999 })).toBe('SLOW_MODE');
});

const codes = new Set([...Object.keys(interactionErrors), 'UNAVAILABLE']);

test('whatever is said under whatever rules: an outcome of the table, nothing thrown, no viewer above the rules', () => {
  const settings = fc.record({
    slowModeSeconds: fc.constantFrom(0, 5),
    followersOnly: fc.boolean(),
    emoteOnly: fc.boolean(),
    uniqueChat: fc.boolean(),
    holdsAll: fc.boolean(),
    isClosed: fc.boolean(),
    guestsMaySpeak: fc.boolean(),
    links: fc.constantFrom('allow' as const, 'hold' as const, 'refuse' as const),
  });
  const text = fc.oneof(
    fc.string({ unit: 'grapheme-composite', maxLength: 60 }),
    fc.constantFrom('😀', 'hi', 'x.com'),
  );
  const speech = fc.record({
    text,
    userId: fc.integer({ min: 0, max: 9 }),
    waitMs: fc.integer({ min: 0, max: 3000 }),
  });
  fc.assert(
    fc.property(settings, fc.array(speech, { maxLength: 30 }), (changes, speeches) => {
      const sanctions = [
        { userId: 3, kind: 'ban', untilMs: 0 },
        { userId: 4, kind: 'shadow', untilMs: 0 },
      ] as const;
      const world = new World({ settings: changes, sanctions, limits: defaultLimits });
      for (const { text, userId, waitMs } of speeches) {
        world.clock.advance(waitMs);
        const verdict = world.say(text, { userId });
        if (verdict.kind === 'refuse') expect(codes).toContain(verdict.code);
        if (verdict.kind === 'refuse') expect(Number.isInteger(verdict.retryAfterMs)).toBe(true);
        if (changes.isClosed || userId === 3) expect(verdict.kind).toBe('refuse');
        if (userId === 4) expect(['shadow', 'refuse']).toContain(verdict.kind);
        if (changes.holdsAll) expect(verdict.kind).not.toBe('say');
      }
    }),
    { numRuns: 80 },
  );
});
