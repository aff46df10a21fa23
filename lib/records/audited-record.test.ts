import { ManualClock } from '../clock/index.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { coordMigrations, openPostgresCoord, type OpenCoord } from '../coord/index.ts';
import { createMetrics } from '../metrics/index.ts';
import { startTestPostgres, type TestPostgres } from '../sql/testing/index.ts';
import { AuditedRecord } from './index.ts';

let postgres: TestPostgres;
let here: OpenCoord;
let there: OpenCoord;
const clock = new ManualClock();
const author = { by: '7', reason: 'a test' };
const parse = (value: unknown): number => {
  if (typeof value !== 'number') throw new TypeError('not a number');
  return value;
};

beforeAll(async () => {
  postgres = await startTestPostgres({ sets: [coordMigrations] });
  const options = { database: postgres.sql.core(), clock, logger: postgres.logger };
  here = await openPostgresCoord({ ...options, processId: 'here', metrics: createMetrics('here') });
  there = await openPostgresCoord({ ...options, processId: 'there', metrics: createMetrics('there') });
});
afterAll(async () => {
  await there[Symbol.asyncDispose]();
  await here[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

const open = (key: string, coord = here) =>
  AuditedRecord.open<number>({ coord, clock, key, parse, initial: 0 });
const add = (value: number) => ({ value: value + 1, what: `to ${value + 1}` });

test('a change is told to other processes, with who made it and why', async () => {
  await using writer = await open('record/told');
  await using reader = await open('record/told', there);
  expect([reader.value, reader.version, reader.changes]).toEqual([0, 0, []]);
  const told = Promise.withResolvers<number>();
  reader.onChange(told.resolve);
  expect(await writer.change(author, add)).toBe(1);
  expect(writer.value).toBe(1);
  expect(await told.promise).toBe(1);
  expect(reader.changes).toEqual([{ ...author, version: 1, atMs: clock.nowMs(), what: 'to 1' }]);
});

test('of writers at the same time none is lost', async () => {
  await using one = await open('record/contended');
  await using other = await open('record/contended', there);
  await Promise.all([one, other, one, other].map((record) => record.change(author, add)));
  await using after = await open('record/contended');
  expect([after.value, after.version]).toEqual([4, 4]);
  expect(after.changes.map(({ version }) => version)).toEqual([4, 3, 2, 1]);
});

test('an edit may refuse, or leave everything as it is', async () => {
  await using record = await open('record/refused');
  const refuse = () => {
    throw new RangeError('no');
  };
  await expect(record.change(author, refuse)).rejects.toThrow(RangeError);
  expect(await record.change(author, () => undefined)).toBe(0);
  expect(record.version).toBe(0);
});

test('what another version of the program wrote and this cannot read leaves what was known', async () => {
  await using record = await open('record/foreign');
  await record.change(author, add);
  await here.cas('record/foreign', 1, { value: 'two', changes: [] });
  await expect(record.change(author, add)).rejects.toThrow(TypeError);
  expect([record.value, record.version]).toEqual([1, 1]);
});

test('the changes that a record remembers are bounded', async () => {
  await using record = await open('record/many');
  for (let time = 0; time < 55; time++) await record.change(author, add);
  expect([record.value, record.changes.length, record.changes.at(-1)?.version]).toEqual([55, 50, 6]);
});
