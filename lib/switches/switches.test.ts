import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ManualClock } from '../clock/index.ts';
import { coordMigrations, openPostgresCoord, type OpenCoord } from '../coord/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { startTestPostgres, type TestPostgres } from '../sql/testing/index.ts';
import { Switches } from './index.ts';

let postgres: TestPostgres;
const coords: OpenCoord[] = [];
const clock = new ManualClock();
const table = { playCounts: ['on', 'frozen', 'off'] } as const;
const author = { by: '7', reason: 'a drill' };
const parse = (value: unknown) => value as Record<string, never>;

beforeAll(async () => {
  postgres = await startTestPostgres({ sets: [coordMigrations] });
  for (const processId of ['here', 'there']) {
    const options = { database: postgres.sql.core(), clock, logger: postgres.logger, processId };
    coords.push(await openPostgresCoord({ ...options, metrics: createMetrics(processId) }));
  }
});
afterAll(async () => {
  for (const coord of coords) await coord[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

const open = (coord = coords[0], key = 'switches') => Switches.open({ coord, clock, key, table, parse });

test('a switch that is set stands in every process, until its time is over', async () => {
  await using here = await open();
  await using there = await open(coords[1]);
  expect(there.view('playCounts')).toEqual({ state: 'on', setting: undefined });
  const untilMs = clock.nowMs() + 1000;
  const startedAt = performance.now();
  await here.set('playCounts', { state: 'frozen', untilMs }, author);
  expect(here.get('playCounts')).toBe('frozen');
  await vi.waitFor(() => expect(there.get('playCounts')).toBe('frozen'), { timeout: 5000, interval: 2 });
  console.log(`switch known elsewhere after ${Math.round(performance.now() - startedAt)} ms`);
  expect(there.view('playCounts').setting).toMatchObject({ ...author, untilMs });
  expect(there.changes[0]).toMatchObject({ ...author, what: 'playCounts: frozen' });
  clock.advance(1000);
  expect(there.view('playCounts')).toEqual({ state: 'on', setting: undefined });
});

test('a state of another version of the program is as if it had not been set', async () => {
  await using here = await open(coords[0], 'switches-foreign');
  await here.set('playCounts', { state: 'sampled', untilMs: 0 }, author);
  expect(here.get('playCounts')).toBe('on');
});
