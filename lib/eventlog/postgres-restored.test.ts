import { execFile } from 'node:child_process';
import { rename, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openTestLog } from '../../test/harness/log-fixture.ts';
import { coordMigrations } from '../coord/index.ts';
import { startTestPostgres, type TestPostgres } from '../sql/testing/index.ts';
import { eventlogMigrations } from './migrations.ts';
import { openPostgresLog } from './postgres.ts';
import type { EventLog, Position, Topic } from './types.ts';

/** How the log stands after it was set back, beside where its readers were. */
const outcomes = ['beyond', 'equal', 'grown'] as const;
type Standing = (typeof outcomes)[number];
const later = { timeout: 30_000, interval: 20 };

const cleanUp = new AsyncDisposableStack();
const ending = new AbortController();
let postgres: TestPostgres;
let folder: string;

beforeAll(async () => {
  postgres = cleanUp.use(await startTestPostgres({ sets: [coordMigrations, eventlogMigrations] }));
  const { rows } = await postgres.sql
    .core()
    .pool.query<{ folder: string }>(`select current_setting('data_directory') as folder`);
  [{ folder }] = rows;
}, 60_000);
afterAll(async () => {
  ending.abort();
  await cleanUp.disposeAsync();
}, 60_000);

const topicOf = (name: Standing): Topic => ({ name, partitions: 1, retentionMs: 3_600_000 });

function open(processId: string): Promise<EventLog> {
  const database = postgres.sql.core();
  const { logger } = postgres;
  return openTestLog(postgres, processId, (parts) =>
    openPostgresLog({ ...parts, database, processId, logger }),
  );
}

async function write(log: EventLog, name: Standing, texts: readonly string[]): Promise<void> {
  for (const text of texts) {
    const append = (): Promise<void> => log.append(topicOf(name), 'key', [Buffer.from(text)]);
    await vi.waitFor(append, later);
  }
}

/** What a follower is given, and the code of its end. */
function follow(log: EventLog, name: Standing, from: readonly Position[]): string[] {
  const seen: string[] = [];
  const reading = async (): Promise<void> => {
    for await (const { records } of log.follow(topicOf(name), from, ending.signal))
      seen.push(...records.map(({ value }) => value.toString()));
  };
  reading().catch(({ code }: { code: string }) => seen.push(code));
  return seen;
}

function consume(log: EventLog, name: Standing, signal = ending.signal): string[] {
  const seen: string[] = [];
  const reading = async (): Promise<void> => {
    for await (const batch of log.consume(topicOf(name), 'group', signal)) {
      await batch.commit();
      seen.push(...batch.records.map(({ value }) => value.toString()));
    }
  };
  reading().catch(() => undefined);
  return seen;
}

/** Stops the server, does what is to be done with its folder, and starts it. */
async function whileStopped(work: () => Promise<void>): Promise<void> {
  await postgres.stop();
  await work();
  await postgres.start();
}

/** A backup, and what the log is when something else is written after it; it then stands as in the backup. */
async function prepare(backup: string, other: string): Promise<void> {
  await using log = await open('before');
  for (const name of outcomes) await write(log, name, ['1', '2', '3', '4', '5']);
  const closing = new AbortController();
  for (const name of outcomes) {
    const seen = consume(log, name, closing.signal);
    await vi.waitFor(() => expect(seen).toHaveLength(5), later);
  }
  closing.abort();
  // As root it keeps the account of the server.
  await whileStopped(async () => void (await promisify(execFile)('cp', ['-a', folder, backup])));
  await write(log, 'equal', ['6b', '7b', '8b', '9b', '10b']);
  await write(log, 'grown', ['6b', '7b', '8b', '9b', '10b', '11b', '12b']);
  await whileStopped(async () => {
    await rename(folder, other);
    await rename(backup, folder);
  });
}

test('a database that is restored to an older state', { timeout: 120_000 }, async () => {
  const [backup, other] = [`${folder}.backup`, `${folder}.other`];
  await prepare(backup, other);
  const log = cleanUp.use(await open('after'));
  const start = [{ partition: 0, offset: 0 }];
  const followed = outcomes.map((name) => follow(log, name, start));
  const consumed = outcomes.map((name) => consume(log, name));
  for (const name of outcomes) await write(log, name, ['6a', '7a', '8a', '9a', '10a']);
  const a = ['6a', '7a', '8a', '9a', '10a'];
  await vi.waitFor(() => {
    for (const seen of followed) expect(seen).toEqual(['1', '2', '3', '4', '5', ...a]);
    for (const seen of consumed) expect(seen).toEqual(a);
  }, later);
  const ends = await Promise.all(outcomes.map((name) => log.end(topicOf(name))));
  expect(ends.flat().map(({ offset }) => offset)).toEqual([10, 10, 10]);

  await whileStopped(async () => {
    await rm(folder, { recursive: true });
    await rename(other, folder);
  });
  // Nothing more is written: who follows is told all the same, and a group goes on where that state has it.
  await vi.waitFor(() => {
    for (const seen of followed) expect(seen.slice(10)).toEqual(['LOG_TRIMMED']);
    expect(consumed[1].slice(5)).toEqual(['6b', '7b', '8b', '9b', '10b']);
    expect(consumed[2].slice(5)).toEqual(['6b', '7b', '8b', '9b', '10b', '11b', '12b']);
  }, later);
  const now = await Promise.all(outcomes.map((name) => log.end(topicOf(name))));
  expect(now.flat().map(({ offset }) => offset)).toEqual([5, 10, 12]);
  // Whoever took a position before, and follows from it only now, is told when there is something to read.
  const late = outcomes.map((name, index) => follow(log, name, ends[index]));
  for (const name of outcomes) await write(log, name, ['next']);
  await vi.waitFor(() => {
    for (const seen of late) expect(seen).toEqual(['LOG_TRIMMED']);
    for (const seen of consumed) expect(seen.at(-1)).toBe('next');
  }, later);
  expect(consumed[0].slice(5)).toEqual(['next']);
});
