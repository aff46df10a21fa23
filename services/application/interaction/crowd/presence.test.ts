import type { RoomRole } from '@gala/protocol/signals';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Arrival, Attendance, Speaker } from '../types.ts';
import { defaultPresenceLimits, PresenceBudget, type PresenceLimits } from './presence-limits.ts';
import { Presence } from './presence.ts';

const counters = () => ({ sampled: 0, unlocated: 0, mismatched: 0 });

function speaker(user: number | string, role: RoomRole = 'viewer'): Speaker {
  const userId = typeof user === 'number' ? user : 0;
  return { userId, name: `user ${user}`, role, device: `device ${user}`, address: '192.0.2.1' };
}

function open(limits: Partial<PresenceLimits> = {}) {
  const all = { ...defaultPresenceLimits, ...limits };
  const budget = new PresenceBudget(all.connectionsMax);
  const parts = { budget, counters: counters(), limits: all };
  return { room: new Presence(parts), ...parts };
}

/** A signal node that says what changed; connections are numbered from 1. */
class Node {
  readonly here = new Map<number, Speaker>();
  #joined: Arrival[] = [];
  #left: number[] = [];
  #last = 0;

  join(who: Speaker): number {
    const connection = ++this.#last;
    this.here.set(connection, who);
    this.#joined.push({ connection, speaker: who });
    return connection;
  }

  leave(connection: number): void {
    if (this.here.delete(connection)) this.#left.push(connection);
  }

  told(isWhole = false): Attendance {
    const [changed, left] = [this.#joined, this.#left];
    this.#joined = [];
    this.#left = [];
    const all = (): Arrival[] => [...this.here].map(([connection, who]) => ({ connection, speaker: who }));
    return {
      connections: this.here.size,
      joined: isWhole ? all() : changed,
      left: isWhole ? [] : left,
      isWhole,
    };
  }
}

test('users are counted once, whatever they connect with, and found where they are', () => {
  const { room, counters: counted } = open();
  const [a, b] = [new Node(), new Node()];
  for (const who of [1, 1, 2, 'guest', 'guest']) a.join(speaker(who));
  b.join(speaker(1));
  room.report('a', a.told(), 0);
  room.report('b', b.told(), 0);
  expect(room.connections).toBe(6);
  expect(room.viewers).toEqual({ count: 3, isApproximate: false });
  expect(room.find(1)).toEqual([
    { node: 'a', connection: 1 },
    { node: 'a', connection: 2 },
    { node: 'b', connection: 1 },
  ]);
  a.leave(1);
  a.leave(2);
  room.report('a', a.told(), 0);
  expect(room.viewers.count).toBe(3);
  expect(room.find(1)).toEqual([{ node: 'b', connection: 1 }]);
  expect(room.find(9)).toEqual([]);
  expect(counted.unlocated).toBe(0);
});

test('the viewers of a lost node are gone', () => {
  const { room, budget } = open();
  const [a, b] = [new Node(), new Node()];
  for (let user = 1; user <= 10; user++) (user % 2 ? a : b).join(speaker(user));
  room.report('a', a.told(), 0);
  room.report('b', b.told(), 0);
  room.drop('a', 0);
  expect(room.viewers).toEqual({ count: 5, isApproximate: false });
  expect([...room.nodes()]).toEqual(['b']);
  expect(budget.connections).toBe(5);
  room[Symbol.dispose]();
  expect(budget.connections).toBe(0);
});

test('a lost report is noticed by the number of connections, and mended by a whole one', () => {
  const { room, counters: counted } = open();
  const node = new Node();
  node.join(speaker(1));
  room.report('a', node.told(), 0);
  const second = node.join(speaker(2));
  node.told();
  node.join(speaker(3));
  expect(room.report('a', node.told(), 10).wantsWhole).toBe(true);
  expect(room.viewers).toEqual({ count: 3, isApproximate: true });
  // It is not asked for a second one while the first is on its way.
  expect(room.report('a', node.told(), 20).wantsWhole).toBe(false);
  const whole = room.report('a', node.told(true), 30);
  expect(whole).toEqual({ enters: [], wantsWhole: false });
  expect(room.viewers).toEqual({ count: 3, isApproximate: false });
  expect(room.find(2)).toEqual([{ node: 'a', connection: second }]);
  expect(counted.mismatched).toBe(1);
});

test('a whole report may go on: nobody enters, and nothing is asked for before its end', () => {
  const { room } = open();
  const node = new Node();
  for (let user = 1; user <= 2500; user++) node.join(speaker(user));
  const { joined, ...told } = node.told(true);
  const part = (from: number, isWhole: boolean): Attendance => ({
    ...told,
    isWhole,
    joined: joined.slice(from, from + 1000),
  });
  for (const from of [0, 1000, 2000]) {
    expect(room.report('a', part(from, from === 0), 0)).toEqual({ enters: [], wantsWhole: false });
  }
  expect(room.viewers).toEqual({ count: 2500, isApproximate: false });
  node.join(speaker(3000));
  expect(room.report('a', node.told(), 0).enters).toHaveLength(1);
});

test('those who come with a name enter: once, and not again when they were away for a moment', () => {
  const { room } = open();
  const node = new Node();
  const first = node.join(speaker(1));
  for (const who of [speaker('guest'), speaker(7, 'operator'), speaker(1)]) node.join(who);
  const { enters } = room.report('a', node.told(), 0);
  expect(enters).toEqual([
    {
      type: 'enter',
      class: 'ambient',
      signalId: '',
      author: { userId: 1, name: 'user 1', role: 'viewer' },
      count: 1,
    },
  ]);
  node.leave(first);
  node.leave(4);
  room.report('a', node.told(), 1000);
  node.join(speaker(1));
  expect(room.report('a', node.told(), 30_000).enters).toEqual([]);
  node.leave(5);
  room.report('a', node.told(), 31_000);
  node.join(speaker(1));
  expect(room.report('a', node.told(), 200_000).enters).toHaveLength(1);
});

test('above a rate one who enters stands for several', () => {
  const { room } = open({ entersPerSecondMax: 10 });
  const node = new Node();
  let [signals, entered] = [0, 0];
  for (let nowMs = 0; nowMs <= 3000; nowMs += 100) {
    for (let user = 1; user <= 20; user++) node.join(speaker(nowMs * 100 + user));
    for (const enter of room.report('a', node.told(), nowMs).enters) {
      signals++;
      entered += enter.type === 'enter' ? enter.count : 0;
    }
  }
  expect(signals).toBe(40);
  expect(entered).toBeGreaterThan(580);
  expect(entered).toBeLessThanOrEqual(620);
});

test('of a large room every so many users are known, its count stays near, those with a role are found', () => {
  const { room, budget, counters: counted } = open({ roomConnectionsMax: 4000 });
  const nodes = Array.from({ length: 5 }, () => new Node());
  nodes[0].join(speaker(900_001, 'host'));
  // Every third has two connections.
  for (let user = 1; user <= 30_000; user++) {
    nodes[user % 5].join(speaker(user % 2 ? user : `d${user}`));
    if (user % 3 === 0) nodes[(user + 1) % 5].join(speaker(user % 2 ? user : `d${user}`));
    if (user % 200 !== 0) continue;
    for (const [at, node] of nodes.entries()) room.report(`n${at}`, node.told(), user);
    expect(budget.connections).toBeLessThanOrEqual(4001);
  }
  expect(room.connections).toBe(40_001);
  expect(room.viewers.isApproximate).toBe(true);
  expect(Math.abs(room.viewers.count / 30_001 - 1)).toBeLessThan(0.05);
  expect(room.find(900_001)).toEqual([{ node: 'n0', connection: 1 }]);
  for (let user = 1; user < 1000; user += 2) room.find(user);
  expect(counted.unlocated).toBeGreaterThan(300);
  expect(counted.sampled).toBeGreaterThan(20_000);
});

test('a room that has become small again is known whole', () => {
  const { room } = open({ roomConnectionsMax: 1000 });
  const node = new Node();
  for (let user = 1; user <= 5000; user++) {
    node.join(speaker(user));
    if (user % 100 === 0) room.report('a', node.told(), 0);
  }
  for (let connection = 301; connection <= 5000; connection++) node.leave(connection);
  let wantsWhole = room.report('a', node.told(), 0).wantsWhole;
  for (let tries = 0; tries < 10 && !wantsWhole; tries++)
    wantsWhole = room.report('a', node.told(), 0).wantsWhole;
  expect(wantsWhole).toBe(true);
  expect(room.report('a', node.told(true), 0).wantsWhole).toBe(false);
  expect(room.viewers).toEqual({ count: 300, isApproximate: false });
});

test('all rooms of a process have a bound together; the smallest stay exact', () => {
  const limits = { ...defaultPresenceLimits, connectionsMax: 3000, roomConnectionsMin: 100 };
  const budget = new PresenceBudget(limits.connectionsMax);
  const rooms = Array.from({ length: 3 }, () => new Presence({ budget, counters: counters(), limits }));
  for (const [at, room] of rooms.entries()) {
    const node = new Node();
    for (let user = 1; user <= [2900, 2000, 90][at]; user++) {
      node.join(speaker(user));
      if (user % 50 === 0) room.report('a', node.told(), 0);
    }
    room.report('a', node.told(), 0);
  }
  expect(rooms.map(({ connections }) => connections)).toEqual([2900, 2000, 90]);
  expect(rooms[2].viewers).toEqual({ count: 90, isApproximate: false });
  expect(budget.connections).toBeLessThanOrEqual(3000 + 100);
});

test('the number of viewers is told at most once a second, soon when it changes much, later when little', () => {
  const { room } = open();
  const node = new Node();
  const join = (many: number) => {
    for (let n = 0; n < many; n++) node.join(speaker(node.here.size + 1));
  };
  const at = (nowMs: number) => {
    room.report('a', node.told(), nowMs);
    return room.takeViewers(nowMs)?.count;
  };
  join(1000);
  expect(at(0)).toBe(1000);
  join(500);
  expect(at(900)).toBeUndefined();
  expect(at(1000)).toBe(1500);
  join(3);
  expect(at(5000)).toBeUndefined();
  expect(at(10_999)).toBeUndefined();
  expect(at(11_000)).toBe(1503);
  expect(at(60_000)).toBeUndefined();
});

const someStep = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('join'), node: fc.nat(2), user: fc.nat(12) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('leave'), node: fc.nat(2), user: fc.nat(20) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('report', 'whole', 'lost', 'gone'),
      node: fc.nat(2),
      user: fc.nat(0),
    }),
  },
);

test('whatever is lost on the way, whole reports make the room what its nodes are', () => {
  fc.assert(
    fc.property(
      fc.array(someStep, { maxLength: 80 }),
      fc.constantFrom(8, 1000),
      (steps, roomConnectionsMax) => {
        const { room, budget } = open({ roomConnectionsMax });
        const nodes = [new Node(), new Node(), new Node()];
        for (const { kind, node: at, user } of steps) {
          const node = nodes[at];
          if (kind === 'join') node.join(speaker(user % 2 ? user : `d${user}`));
          if (kind === 'leave') node.leave(user + 1);
          if (kind === 'report' || kind === 'whole') room.report(`n${at}`, node.told(kind === 'whole'), 0);
          if (kind === 'lost') node.told();
          if (kind === 'gone') room.drop(`n${at}`, 0);
          expect(budget.connections).toBeLessThanOrEqual(roomConnectionsMax);
        }
        for (const [at, node] of nodes.entries()) room.report(`n${at}`, node.told(true), 0);
        const all = nodes.flatMap(({ here }) => [...here.values()]);
        expect(room.connections).toBe(all.length);
        if (roomConnectionsMax <= 2 * all.length) return;
        for (const [at, node] of nodes.entries()) room.report(`n${at}`, node.told(true), 0);
        const users = new Set(all.map(({ userId, device }) => userId || device));
        expect(room.viewers).toEqual({ count: users.size, isApproximate: false });
        for (const user of users) {
          if (typeof user !== 'number') continue;
          const places = nodes.flatMap(({ here }, at) =>
            [...here]
              .filter(([, who]) => who.userId === user)
              .map(([connection]) => ({ node: `n${at}`, connection })),
          );
          expect(room.find(user)).toHaveLength(places.length);
          expect(room.find(user)).toEqual(expect.arrayContaining(places));
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('20,000 who join a second cost less than 5 % of a core', () => {
  const { room } = open();
  const node = new Node();
  const reports: Attendance[] = [];
  for (let at = 0; at < 100; at++) {
    for (let user = 0; user < 400; user++) node.join(speaker(at * 400 + user + 1));
    reports.push(node.told());
  }
  const before = process.threadCpuUsage();
  for (const [at, report] of reports.entries()) room.report('a', report, at * 20);
  const { user, system } = process.threadCpuUsage(before);
  const share = (user + system) / 1e6 / 2;
  console.log(`20,000 joins/s: ${(100 * share).toFixed(2)} % of a core`);
  expect(room.viewers.count).toBe(40_000);
  expect(share).toBeLessThan(0.05);
});
