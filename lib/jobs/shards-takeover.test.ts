import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { coordMigrations } from '../coord/index.ts';
import { startTestPostgres, type TestPostgres } from '../sql/testing/index.ts';
import { jobMigrations } from './index.ts';
import { Crew } from '../../test/harness/shard-crew.ts';

let postgres: TestPostgres;
let crew: Crew;

beforeAll(async () => {
  postgres = await startTestPostgres({ sets: [coordMigrations, jobMigrations] });
  const text = 'create table tick_effect(partition int, tick bigint, fence bigint, worker text)';
  await postgres.sql.core().pool.query(text);
}, 60_000);
afterAll(() => postgres[Symbol.asyncDispose]());
afterEach(() => crew[Symbol.asyncDispose]());

const partitions = 64;
const promiseSeconds = 4;

/** Who made the newest tick of each partition. */
async function owners(): Promise<string[]> {
  const text = 'select distinct on (partition) worker from tick_effect order by partition, tick desc';
  const { rows } = await postgres.sql.core().pool.query<{ worker: string }>(text);
  return rows.map(({ worker }) => worker);
}

/** Waits until each partition has ticked at a worker that is there, in even shares. */
async function spread(): Promise<string[]> {
  const workers = [...crew.workers.keys()];
  const seen = async (): Promise<string[]> => {
    const now = await owners();
    const counts = workers.map((id) => now.filter((owner) => owner === id).length);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(partitions);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    return now;
  };
  return vi.waitFor(seen, { timeout: 30_000, interval: 20 });
}

/**
 * Goal: partitions of a worker that is gone run elsewhere within 4 s, and no more of them move than must.
 * Method: real processes over a real PostgreSQL; what counts is where the newest effect of each partition came from.
 */
test('workers that join, die, stop and leave: few partitions move, and soon', async () => {
  crew = new Crew(postgres, {
    options: { job: 'moves', partitions, intervalMs: 100, retries: 3 },
    failures: 0,
  });
  const rows: { what: string; moved: number; movedMax: number; seconds: number }[] = [];
  let before: string[] = [];
  const step = async (what: string, movedMax: number, act: () => unknown): Promise<void> => {
    await act();
    const beganMs = performance.now();
    const after = await spread();
    const moved = after.filter((owner, at) => before.length > 0 && owner !== before[at]).length;
    const seconds = Math.round((performance.now() - beganMs) / 10) / 100;
    rows.push({ what: `${what}: ${crew.workers.size} workers`, moved, movedMax, seconds });
    before = after;
  };
  const join = (count: number) => () => Promise.all(Array.from({ length: count }, () => crew.hire()));
  await step('3 begin', 0, join(3));
  await step('a 4th joins', 17, join(1));
  await step('a 5th joins', 14, join(1));
  const [one, two, three] = crew.workers.keys();
  await step('kill -9', 13, () => crew.kill(two));
  const stopped = crew.workers.get(one)!;
  await step('SIGSTOP of the one that plans', 17, () => {
    stopped.child.kill('SIGSTOP');
    crew.workers.delete(one);
  });
  await step('SIGCONT', 17, () => {
    stopped.child.kill('SIGCONT');
    crew.workers.set(one, stopped);
  });
  await step('one leaves orderly', 17, () => crew.dismiss(three));
  console.table(rows);
  // A worker that a busy machine kept from its beats for a lease's time is rightly taken for dead; not in most steps.
  const isKept = ({ moved, movedMax, seconds }: (typeof rows)[number]): boolean =>
    moved <= movedMax && seconds < 3 * promiseSeconds;
  expect(rows.filter((row) => !isKept(row)).length, 'steps that broke the promise').toBeLessThanOrEqual(2);
  const twice = 'select partition, tick from tick_effect group by 1, 2 having count(*) > 1';
  expect((await postgres.sql.core().pool.query(twice)).rows).toEqual([]);
}, 120_000);
