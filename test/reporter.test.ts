import { expect, test } from 'vitest';
import { BUDGET_MS, summarize, type FileOutcome, type TestOutcome } from './reporter.ts';

const passing: TestOutcome = { name: 'holds', durationMs: 5, state: 'passed', retries: 0 };
const file = (part: Partial<FileOutcome>): FileOutcome => ({
  path: 'lib/error/error.test.ts',
  project: 'unit',
  durationMs: 100,
  errorCount: 0,
  tests: [passing],
  ...part,
});

test('counts tests by state', () => {
  const tests: TestOutcome[] = [passing, { ...passing, state: 'failed' }, { ...passing, state: 'skipped' }];
  expect(summarize([file({ tests }), file({})], 0)).toMatchObject({ passed: 2, failed: 1, skipped: 1 });
});

test('a run without a failure has no complaint', () => {
  expect(summarize([file({})], 0)).toMatchObject({ passed: 1, failed: 0, skipped: 0, complaints: [] });
});

test('a file over its budget fails the run, in its own project only', () => {
  const durationMs = (BUDGET_MS['unit'] ?? 0) + 1;
  const over = summarize([file({ durationMs })], 0);
  expect(over.failed).toBe(1);
  expect(over.complaints[0]).toContain('lib/error/error.test.ts: took 60.00 s');
  expect(summarize([file({ durationMs, project: 'scenario' })], 0).failed).toBe(0);
  expect(summarize([file({ durationMs: 1e9, project: 'soak' })], 0).failed).toBe(0);
});

test('errors outside tests, unhandled errors and an empty run count as failures', () => {
  expect(summarize([file({ errorCount: 2 })], 0).failed).toBe(1);
  expect(summarize([file({})], 3).failed).toBe(1);
  expect(summarize([], 0)).toMatchObject({ passed: 0, failed: 1 });
  expect(summarize([file({ tests: [{ ...passing, state: 'skipped' }] })], 0).failed).toBe(1);
});

test('the slowest ten tests are named, slowest first', () => {
  const tests = Array.from({ length: 12 }, (_, index) => ({
    name: `test ${index}`,
    durationMs: index * 1000,
    state: 'passed' as const,
    retries: 0,
  }));
  const { slowest } = summarize([file({ tests })], 0);
  expect(slowest).toHaveLength(10);
  expect(slowest[0]).toContain('11.00 s  lib/error/error.test.ts > test 11');
});

test('what passed only when it was tried again is named', () => {
  const { passed, retried } = summarize([file({ tests: [passing, { ...passing, retries: 1 }] })], 0);
  expect([passed, retried]).toEqual([2, ['lib/error/error.test.ts > holds: passed at try 2']]);
});
