import type { Signal, SignalClass, Tier } from '@gala/protocol/signals';
import { signalClasses, tiers } from '@gala/protocol/signals';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TierTick } from '../types.ts';
import { defaultMergeLimits, type MergeLimits } from './merge-limits.ts';
import { authorOf, randomOf, Sayings } from './testing.ts';
import { RoomMerger } from './tick-merger.ts';

const merger = (limits?: MergeLimits) => new RoomMerger({ limits, random: randomOf(7) });

function offerAll(to: RoomMerger, signals: readonly Signal[]): RoomMerger {
  for (const signal of signals) to.offer(signal);
  return to;
}

function tierOf(ticks: readonly TierTick[] | undefined, tier: Tier): TierTick {
  return ticks!.find((tick) => tick.tier === tier)!;
}

test('a tick without signals is none', () => {
  const room = merger();
  expect(room.flush(0)).toBeUndefined();
  room.offer(new Sayings().like());
  expect(room.flush(50)).toHaveLength(4);
  expect(room.flush(100)).toBeUndefined();
});

test('likes are summed, and have the place of the last', () => {
  const say = new Sayings();
  const ticks = offerAll(merger(), [say.like(3), say.comment(1, 'hi'), say.like(4)]).flush(0);
  const { signals, counts } = tierOf(ticks, 'full');
  expect(signals.map(({ type, offset }) => [type, offset])).toEqual([
    ['comment', 2],
    ['like', 3],
  ]);
  expect(signals[1]).toMatchObject({ count: 7, atMs: 1_700_000_000_003 });
  expect(counts).toEqual([
    { class: 'member', offered: 1, merged: 0, shed: 0 },
    { class: 'ambient', offered: 2, merged: 1, shed: 0 },
  ]);
});

test('one of those who enter stands for all, each with the same chance', () => {
  const shown = new Map<number, number>();
  const room = merger({ ...defaultMergeLimits });
  for (let tick = 0; tick < 3000; tick++) {
    const say = new Sayings();
    const { signals } = tierOf(
      offerAll(room, [say.enter(1), say.enter(2), say.enter(3)]).flush(tick * 50),
      'full',
    );
    const [enter] = signals;
    expect(signals).toHaveLength(1);
    expect(enter).toMatchObject({ type: 'enter', count: 3, offset: 3 });
    if (enter.type === 'enter') shown.set(enter.author.userId, (shown.get(enter.author.userId) ?? 0) + 1);
  }
  expect([...shown.values()].every((times) => times > 900 && times < 1100)).toBe(true);
});

test('comments that say the same in one tick are counted', () => {
  const say = new Sayings();
  const said = [
    say.comment(1, 'LOL  so  good'),
    say.comment(2, 'lol so good '),
    say.comment(3, 'ｌｏｌ so good'),
  ];
  const { signals } = tierOf(offerAll(merger(), [...said, say.comment(4, 'other')]).flush(0), 'full');
  expect(signals).toMatchObject([
    { text: 'LOL  so  good', author: { userId: 1 }, signalId: 's1', count: 3, offset: 3 },
    { text: 'other', count: 1 },
  ]);
});

test('what a host says and what is for other clients is not folded', () => {
  const say = new Sayings();
  const filter = { platforms: ['web'], versionMin: 0, capability: '' };
  const said = [
    say.comment(1, 'hi', { class: 'host' }),
    say.comment(1, 'hi', { class: 'host' }),
    say.comment(2, 'hi'),
    say.comment(3, 'hi', { filter }),
  ];
  expect(tierOf(offerAll(merger(), said).flush(0), 'full').signals).toEqual(said);
});

test('free gifts of one author are one combo; paid ones and named entries are complete', () => {
  const say = new Sayings();
  const paid = [say.gift(1), say.gift(1), say.gift(1, { class: 'system', entryId: 'e1' })];
  const free = [1, 1, 2].map((userId) => say.gift(userId, { class: 'system', count: 2 }));
  const { signals } = tierOf(offerAll(merger(), [...paid, ...free]).flush(0), 'full');
  expect(signals.slice(0, 3)).toEqual(paid);
  expect(signals.slice(3)).toMatchObject([
    { author: { userId: 1 }, count: 4, offset: 5 },
    { author: { userId: 2 }, count: 2, offset: 6 },
  ]);
});

test('nothing is folded over a control signal: a comment never comes after what takes it back', () => {
  const say = new Sayings();
  const said = [say.comment(1, 'spam'), say.mute(1), say.comment(2, 'spam')];
  const { signals } = tierOf(offerAll(merger(), said).flush(0), 'full');
  expect(signals).toEqual(said);
});

test('tiers with the same outcome share it', () => {
  const say = new Sayings();
  const [full, reduced, minimal, control] = offerAll(merger(), [say.comment(1, 'hi'), say.mute(2)]).flush(0)!;
  expect([full.tier, reduced.tier, minimal.tier, control.tier]).toEqual([...tiers]);
  expect(reduced.signals).toBe(full.signals);
  expect(reduced.counts).toBe(full.counts);
  expect(control.signals).toBe(minimal.signals);
  expect(minimal.signals).toHaveLength(1);
  const [money, ...others] = offerAll(merger(), [say.gift(1)]).flush(0)!;
  expect(others.every(({ signals }) => signals === money.signals)).toBe(true);
});

test('each tier shows its lines a second, after a burst of one second', () => {
  const room = merger();
  const shown = { full: 0, reduced: 0, minimal: 0, control: 0 };
  const say = new Sayings();
  for (let nowMs = 0; nowMs < 10_000; nowMs += 50) {
    for (let user = 1; user <= 20; user++) room.offer(say.comment(user, `${nowMs} ${user}`));
    for (const { tier, signals } of room.flush(nowMs)!) shown[tier] += signals.length;
  }
  expect(shown).toEqual({ full: 1095, reduced: 438, minimal: 0, control: 0 });
  // An hour of silence earns no more than a second does.
  for (let user = 1; user <= 500; user++) room.offer(say.comment(user, `hour ${user}`));
  expect(tierOf(room.flush(3_600_000), 'full').signals).toHaveLength(100);
});

test('a clock that goes back stops nothing', () => {
  const room = merger();
  const say = new Sayings();
  const said = (count: number) =>
    Array.from({ length: count }, (_, user) => say.comment(user + 1, `c${say.offset}`));
  expect(tierOf(offerAll(room, said(200)).flush(1_000_000), 'full').signals).toHaveLength(100);
  expect(tierOf(offerAll(room, said(200)).flush(0), 'full').signals).toHaveLength(0);
  expect(tierOf(offerAll(room, said(200)).flush(500), 'full').signals).toHaveLength(50);
});

test('above the cap authors take turns: who talks most is not shown most', () => {
  const room = merger();
  const say = new Sayings();
  const shown = new Map<number, number>();
  for (let nowMs = 0; nowMs < 22_000; nowMs += 50) {
    // One says ten things a tick, three hundred others one every fifteen ticks.
    for (let line = 0; line < 10; line++) room.offer(say.comment(1, `flood ${nowMs} ${line}`));
    for (let user = 0; user < 20; user++) {
      const userId = 2 + ((nowMs / 50) % 15) * 20 + user;
      room.offer(say.comment(userId, `mine ${nowMs} ${user}`));
    }
    for (const signal of tierOf(room.flush(nowMs), 'full').signals) {
      // At first everything is shown: a burst of one second.
      if (signal.type === 'comment' && nowMs >= 2000)
        shown.set(signal.author.userId, (shown.get(signal.author.userId) ?? 0) + 1);
    }
  }
  const others = [...shown].filter(([userId]) => userId !== 1).map(([, times]) => times);
  const mean = others.reduce((sum, times) => sum + times, 0) / 300;
  expect(others).toHaveLength(300);
  expect(shown.get(1)!).toBeLessThan(2 * mean);
  expect(Math.min(...others)).toBeGreaterThan(mean / 2);
});

test('lines of one tick are bounded, but control and money are not', () => {
  const room = merger();
  const say = new Sayings();
  for (let user = 1; user <= 2000; user++) room.offer(say.comment(user, `c${user}`));
  for (let user = 1; user <= 2000; user++) room.offer(say.gift(user));
  const [member, money] = ['member', 'money'].map(
    (name) => (tick: TierTick) => tick.counts.find((count) => count.class === name)!,
  );
  for (const tick of room.flush(0)!) {
    expect(money(tick)).toEqual({ class: 'money', offered: 2000, merged: 0, shed: 0 });
    expect(member(tick).offered).toBe(2000);
    expect(tick.signals.filter((signal) => signal.class === 'money')).toHaveLength(2000);
  }
});

const someClass = fc.constantFrom(...signalClasses);
const someSignal = fc.record({
  type: fc.constantFrom('comment', 'like', 'enter', 'gift', 'follow', 'notice', 'mute'),
  class: someClass,
  user: fc.integer({ min: 0, max: 6 }),
  text: fc.constantFrom('a', 'A', 'b', 'c d', 'c  d'),
  count: fc.integer({ min: 1, max: 50 }),
  platform: fc.constantFrom('', '', '', 'web'),
});
const someTicks = fc.array(
  fc.record({ stepMs: fc.integer({ min: -1000, max: 3000 }), said: fc.array(someSignal, { maxLength: 60 }) }),
  { minLength: 1, maxLength: 6 },
);
const someLimits = fc
  .array(fc.integer({ min: 0, max: 12 }), { minLength: 17, maxLength: 17 })
  .map(([linesPerTickMax, ...rates]): MergeLimits => {
    const of = (at: number) => ({
      host: rates[at],
      member: rates[at + 1],
      system: rates[at + 2],
      ambient: rates[at + 3],
    });
    const linesPerSecond = { full: of(0), reduced: of(4), minimal: of(8), control: of(12) };
    return { linesPerSecond, linesPerTickMax: 10 * linesPerTickMax, fairForMs: 500 };
  });

type Some = typeof someSignal extends fc.Arbitrary<infer Value> ? Value : never;

function signalOf({ type, class: signalClass, user, text, count, platform }: Some, offset: number): Signal {
  const filter = platform ? { filter: { platforms: [platform], versionMin: 0, capability: '' } } : {};
  const base = { class: signalClass, offset, atMs: offset, signalId: `s${offset}`, ...filter };
  const author = { ...authorOf(user), name: `guest ${user}` };
  switch (type) {
    case 'comment':
      return { type, author, text, count: 1, ...base };
    case 'like':
      return { type, count, ...base };
    case 'enter':
      return { type, author, count: 1, ...base };
    case 'gift':
      return { type, author, giftId: text, count, entryId: user === 3 ? 'e' : '', ...base };
    case 'follow':
      return { type, author, ...base };
    case 'mute':
      return { type, userId: user, untilMs: 0, removes: true, ...base };
    default:
      return { type: 'notice', name: 'n', data: {}, ...base };
  }
}

const countOf = (signal: Signal): number => ('count' in signal ? signal.count : 1);
const isDurable = ({ class: name }: Signal): boolean => name === 'control' || name === 'money';

/** Offered = shown + merged + shed by class; control and money as they were offered; everything in order, once. */
function checkTick({ signals, counts }: TierTick, offered: readonly Signal[]): void {
  const byClass = Map.groupBy(offered, (signal): SignalClass => signal.class);
  expect(counts.map((count) => count.class)).toEqual(signalClasses.filter((name) => byClass.has(name)));
  for (const { class: name, offered: sum, merged, shed } of counts) {
    const shown = signals.filter((signal) => signal.class === name);
    expect(sum).toBe(byClass.get(name)!.length);
    expect(sum).toBe(shown.length + merged + shed);
    expect(Math.min(merged, shed)).toBeGreaterThanOrEqual(0);
    const [counted, said] = [shown, byClass.get(name)!].map((all) =>
      all.reduce((n, each) => n + countOf(each), 0),
    );
    expect(shed === 0 ? counted : Math.min(counted, said)).toBe(shed === 0 ? said : counted);
  }
  const offsets = signals.map(({ offset }) => offset);
  expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
  expect(signals.filter(isDurable)).toEqual(offered.filter(isDurable));
}

test('offered = shown + merged + shed in every class and tier, whatever is said', () => {
  fc.assert(
    fc.property(someTicks, someLimits, fc.integer(), (ticks, limits, seed) => {
      const room = new RoomMerger({ limits, random: randomOf(seed) });
      let [offset, nowMs] = [0, 1_000_000];
      for (const { stepMs, said } of ticks) {
        nowMs += stepMs;
        const signals = said.map((each) => signalOf(each, ++offset));
        const flushed = offerAll(room, signals).flush(nowMs);
        expect(flushed === undefined).toBe(signals.length === 0);
        for (const tick of flushed ?? []) checkTick(tick, signals);
        expect(flushed ?? []).toHaveLength(flushed ? tiers.length : 0);
      }
    }),
    { numRuns: 100 },
  );
});

test('a comment comes before every control signal that came after it', () => {
  fc.assert(
    fc.property(fc.array(someSignal, { minLength: 1, maxLength: 40 }), (said) => {
      const signals = said.map((each, index) => signalOf(each, index + 1));
      for (const tick of offerAll(merger(), signals).flush(0)!) {
        const controls = signals.filter((signal) => signal.class === 'control');
        for (const shown of tick.signals.filter(({ signalId }) => signalId)) {
          const saidAt = Number(shown.signalId.slice(1));
          const taken = controls.find(({ offset }) => offset > saidAt && offset < shown.offset);
          if (shown.type !== 'like') expect(taken).toBeUndefined();
        }
      }
    }),
  );
});

test('2,000 signals a second of one room cost less than 3 % of a core', () => {
  const room = merger();
  const say = new Sayings();
  const random = randomOf(3);
  const seconds = 10;
  const said = Array.from({ length: 2000 * seconds }, (_, index) => {
    const user = 1 + Math.floor(random() * 10_000);
    if (index % 20 === 0) return index % 40 === 0 ? say.gift(user) : say.mute(user);
    if (index % 4 === 0) return index % 8 === 0 ? say.like(5) : say.enter(user);
    return say.comment(user, random() < 0.3 ? 'lol' : `what ${index} says, 说点什么 ${index % 7}`);
  });
  const before = process.threadCpuUsage();
  for (let tick = 0; tick < 20 * seconds; tick++) {
    for (let at = tick * 100; at < tick * 100 + 100; at++) room.offer(said[at]);
    room.flush(tick * 50);
  }
  const { user, system } = process.threadCpuUsage(before);
  const share = (user + system) / 1e6 / seconds;
  console.log(`merging 2,000 signals/s: ${(100 * share).toFixed(2)} % of a core`);
  expect(share).toBeLessThan(0.03);
});
