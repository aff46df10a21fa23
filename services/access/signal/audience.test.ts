import { ManualClock } from '@gala/lib/clock';
import { createLogger } from '@gala/lib/logger';
import { createMetrics } from '@gala/lib/metrics';
import { expect, test } from 'vitest';
import { Audience } from './audience.ts';
import { SignalEvents } from './events.ts';
import { Fanout } from './fanout.ts';
import { anyKind } from './kinds.ts';
import { Pressure } from './pressure.ts';
import type { Shared } from './shared.ts';
import { TestConnection } from './testing-connection.ts';

const logger = createLogger({ name: 'test', level: 'error', destination: { write: () => undefined } });

function audienceOf(count: number) {
  const events = new SignalEvents(logger, createMetrics('test'));
  const pressure = new Pressure({ slowBytes: 10, stopBytes: 100, slowEvictMs: 10_000 }, events);
  const fanout = new Fanout(new ManualClock());
  const caughtUp: object[] = [];
  const audience = new Audience(
    { fanout, pressure, events, windowMsMax: 0 },
    {
      catchUp: (connection) => {
        caughtUp.push({ ...connection.missedAfter });
        audience.isUpToDate(connection);
      },
      evict: () => undefined,
    },
  );
  const members = Array.from({ length: count }, () => new TestConnection());
  for (const { connection } of members) audience.add(connection, anyKind);
  const settled = () => expect.poll(() => fanout.size).toBe(0);
  return { audience, members, events, caughtUp, settled };
}

const said = (text: string): Shared => ({ frameFor: () => Buffer.from(text) });
const turn = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));

test('what is said during a pass goes with it to those who are still to come, and once to everyone', async () => {
  const { audience, members, settled } = audienceOf(3_000);
  audience.say(said('a'), { epoch: 1, offset: 1 });
  await turn();
  expect(members[0].writes).toEqual(['a']);
  audience.say(said('b'), { epoch: 1, offset: 2 });
  audience.say(said('c'), { epoch: 1, offset: 3 });
  await settled();
  expect(members.every(({ heard }) => heard === 'abc')).toBe(true);
  // The first had their turn before, and those of the second slice on got it all in one write.
  expect(members[0].writes).toEqual(['a', 'bc']);
  expect(members[1_023].writes).toEqual(['a', 'bc']);
  expect(members.slice(1_024).every(({ writes }) => writes.length === 1)).toBe(true);
});

test('who joins hears what is said from then on, and bytes are made once for those who lack the same', async () => {
  const { audience, members, events, settled } = audienceOf(2_000);
  audience.say(said('a'), { epoch: 1, offset: 1 });
  await settled();
  const late = new TestConnection();
  audience.add(late.connection, anyKind);
  audience.say(said('b'), { epoch: 1, offset: 2 });
  await settled();
  expect(late.heard).toBe('b');
  expect(members.every(({ heard }) => heard === 'ab')).toBe(true);
  // Two things, two slices.
  expect(events.counters.framesMade).toBeLessThanOrEqual(4);
  expect(events.counters.writes).toBe(4_001);
});

test('who cannot take it is left out from there on, and caught up from the place of the last that it has', async () => {
  const { audience, members, caughtUp, settled } = audienceOf(3);
  const [, slow] = members;
  audience.say(said('a'), { epoch: 1, offset: 4 });
  await settled();
  slow.owed = 1_000;
  audience.say(said('b'), { epoch: 1, offset: 5 });
  await settled();
  audience.say(said('c'), { epoch: 1, offset: 6 });
  await settled();
  expect([members[0].heard, slow.heard]).toEqual(['abc', 'a']);
  slow.owed = 0;
  audience.say(said('d'), { epoch: 1, offset: 7 });
  await settled();
  expect(caughtUp).toEqual([{ epoch: 1, offset: 4 }]);
  audience.say(said('e'), { epoch: 1, offset: 8 });
  await settled();
  expect(slow.heard).toBe('ae');
});
