import { ManualClock } from '@gala/lib/clock';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { expect, test } from 'vitest';
import { SignalEvents } from './events.ts';
import { Fanout, type FanoutJob } from './fanout.ts';
import { isFor, Kinds } from './kinds.ts';
import { Pressure } from './pressure.ts';
import { TestConnection } from './testing-connection.ts';
import { Wheel } from './wheel.ts';

const logger = createLogger({ name: 'test', level: 'error', destination: { write: () => undefined } });
const events = () => new SignalEvents(logger, createMetrics('test'));

test('a full queue lowers the tier at once, and it is raised one by one after a while', () => {
  const pressure = new Pressure({ slowBytes: 100, stopBytes: 1_000, slowEvictMs: 10_000 }, events());
  const client = new TestConnection();
  const { connection } = client;
  const at = (nowMs: number, owed: number) => {
    client.owed = owed;
    return [pressure.judge(connection, nowMs), pressure.tierOf(connection)];
  };
  expect(at(1, 0)).toEqual(['write', 0]);
  expect(at(2, 100)).toEqual(['write', 1]);
  expect(at(3, 250)).toEqual(['write', 2]);
  expect(at(4, 1_000)).toEqual(['leave-out', 3]);
  expect(at(5, 0)).toEqual(['write', 3]);
  expect(at(5_005, 0)).toEqual(['write', 2]);
  expect(at(5_006, 0)).toEqual(['write', 2]);
  expect(at(10_006, 0)).toEqual(['write', 1]);
  expect(at(15_007, 0)).toEqual(['write', 0]);
  connection.health = 'stalled';
  expect(at(15_008, 0)).toEqual(['write', 2]);
  pressure.floor = 1;
  connection.health = 'good';
  expect(at(15_009, 0)).toEqual(['write', 1]);
});

test('who stays at the bound is evicted, and so is who owes a little for very long', () => {
  const pressure = new Pressure({ slowBytes: 100, stopBytes: 1_000, slowEvictMs: 10_000 }, events());
  const full = new TestConnection();
  full.owed = 2_000;
  expect(pressure.judge(full.connection, 1)).toBe('leave-out');
  expect(pressure.judge(full.connection, 10_001)).toBe('leave-out');
  expect(pressure.judge(full.connection, 10_002)).toBe('evict');
  const stuck = new TestConnection();
  stuck.owed = 5;
  expect(pressure.judge(stuck.connection, 1)).toBe('write');
  expect(pressure.judge(stuck.connection, 30_001)).toBe('write');
  expect(pressure.judge(stuck.connection, 30_002)).toBe('evict');
  expect(pressure.owing.size).toBe(2);
});

test('kinds of clients are bounded, shared, and forgotten with their last client', () => {
  const kinds = new Kinds();
  const client = (version: number) => ({ platform: 'web', version, capabilities: ['a', 'b'] });
  const one = kinds.enter(client(1));
  expect(kinds.enter({ ...client(1), capabilities: ['b', 'a'] })).toBe(one);
  for (let version = 2; version <= 64; version++) kinds.enter(client(version));
  const beyond = kinds.enter(client(65));
  expect([beyond.index, kinds.others, kinds.size]).toEqual([0, 1, 64]);
  kinds.leave(one);
  kinds.leave(one);
  expect(kinds.enter(client(66)).index).toBe(65);
  const filter = { platforms: ['web'], versionMin: 2, capability: 'a' };
  expect([isFor(one, filter), isFor(one, { ...filter, versionMin: 1 }), isFor(beyond, filter)]).toEqual([
    false,
    true,
    false,
  ]);
  expect(isFor(beyond, undefined)).toBe(true);
});

test('the wheel brings each item in its turn, and again as often as it asks', () => {
  const due: string[] = [];
  const wheel = new Wheel<string>((item) => {
    due.push(`${wheel.turn} ${item}`);
    return item === 'again' ? 3 : 0;
  });
  wheel.add('once', 2);
  wheel.add('again', 1);
  wheel.add('far', 1_000);
  for (let turn = 0; turn < 5; turn++) wheel.advance();
  expect(due).toEqual(['1 again', '2 once', '4 again']);
  for (let turn = 0; turn < 250; turn++) wheel.advance();
  expect(due).toContain('255 far');
});

test('a large room does not keep a small one waiting, and has the rest of a turn, which is bounded', async () => {
  const fanout = new Fanout(new ManualClock());
  const log: string[] = [];
  const job = (name: string, writes: number): FanoutJob & { left: number } => ({
    left: writes,
    advance(budget) {
      const done = Math.min(budget, this.left);
      this.left -= done;
      log.push(`${name} ${done}`);
      return done;
    },
    get isDone() {
      return this.left === 0;
    },
    finish: () => log.push(`${name} done`),
  });
  const large = job('large', 1_000);
  fanout.submit(large);
  fanout.submit(job('small', 10));
  await new Promise(setImmediate);
  // 256 writes in all.
  expect(log.slice(0, 4)).toEqual(['large 32', 'small 10', 'small done', 'large 32']);
  expect([log.length, log.at(-1)]).toEqual([10, 'large 22']);
  await expect.poll(() => large.left).toBe(0);
  expect(Math.max(...log.map((line) => Number(line.split(' ')[1]) || 0))).toBe(32);
  expect(fanout.size).toBe(0);
});

test('turns are short while each of them brings a client', async () => {
  const fanout = new Fanout(new ManualClock());
  let writes = 0;
  const endless = {
    advance: (budget: number) => ((writes += budget), budget),
    isDone: false,
    finish: () => 0,
  };
  fanout.submit(endless);
  const turn = async (hasCome: boolean): Promise<number> => {
    writes = 0;
    if (hasCome) fanout.clientCame();
    await new Promise((resolve) => setImmediate(resolve));
    return writes;
  };
  const turns: number[] = [];
  for (const hasCome of [true, true, true, true, true, false, true]) turns.push(await turn(hasCome));
  endless.isDone = true;
  expect(turns).toEqual([256, 256, 256, 64, 64, 256, 256]);
});
