import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import LongFirst from './test/sequencer.ts';

const SCENARIOS = ['test/{scenario,fault}/**/*.test.ts'];
/** Scenarios that measure stalls or gaps: nothing runs beside them. */
const MEASURES = [
  'test/fault/relay.test.ts',
  'test/scenario/{chat,drain,first-broadcast,player,takeover}.test.ts',
];
/** A minute of watching each: the two leave four fifths of two cores idle, so they run side by side, and alone. */
const MINUTES = ['test/fault/stalled-viewers.test.ts', 'test/scenario/hls.test.ts'];
/** What is waited for comes when a busy machine comes to it: by default that is no more than a second. */
const patient = { expect: { poll: { timeout: 10_000 } } } as const;
/** What is measured is measured once more before it fails: others slow a machine down for a while. */
const measured = { retry: 1 } as const;
/** Contracts and faults of the engines of a fleet, each started by its test: they wait more than they work. */
const ENGINES = ['**/*.engine.test.ts'];
const SOAKS = ['**/*.{soak,fuzz}.test.ts'];
const OUTSIDE = ['**/node_modules/**', '**/dist/**', 'data/**'];
const soak = Boolean(process.env['GALA_SOAK']);

/** Fast tests share their worker's modules. Scenarios mostly wait, so four run at once on two cores. */
const everyday: TestProjectInlineConfiguration[] = [
  {
    test: {
      name: 'unit',
      globalSetup: ['./test/harness/once.ts'],
      include: ['{protocol,media,lib,media-io,sdk,services,web,cli,bench,test}/**/*.test.ts'],
      exclude: [...OUTSIDE, ...SCENARIOS, ...ENGINES, '**/*.soak.test.ts'],
      pool: 'threads',
      isolate: false,
      // One for each core but one, unless told; many files wait for a PostgreSQL of theirs.
      maxWorkers: 4,
      testTimeout: 60_000,
      ...patient,
      hookTimeout: 60_000,
    },
  },
  {
    test: {
      name: 'scenario',
      ...patient,
      globalSetup: ['./test/harness/build.ts', './test/harness/once.ts'],
      include: SCENARIOS,
      exclude: [...OUTSIDE, ...MEASURES, ...MINUTES, ...ENGINES, '**/*.soak.test.ts'],
      sequence: { groupOrder: 1 },
      pool: 'forks',
      maxWorkers: 4,
      testTimeout: 180_000,
      hookTimeout: 180_000,
    },
  },
  {
    test: {
      name: 'engines',
      ...patient,
      globalSetup: ['./test/harness/build.ts', './test/harness/once.ts'],
      include: ENGINES,
      exclude: OUTSIDE,
      sequence: { groupOrder: 3 },
      pool: 'forks',
      maxWorkers: 5,
      testTimeout: 180_000,
      hookTimeout: 180_000,
    },
  },
  {
    test: {
      name: 'measure',
      ...patient,
      ...measured,
      globalSetup: ['./test/harness/build.ts', './test/harness/once.ts'],
      include: MEASURES,
      exclude: OUTSIDE,
      sequence: { groupOrder: 2 },
      pool: 'forks',
      fileParallelism: false,
      testTimeout: 180_000,
      hookTimeout: 180_000,
    },
  },
  {
    test: {
      name: 'minutes',
      ...patient,
      ...measured,
      globalSetup: ['./test/harness/build.ts', './test/harness/once.ts'],
      include: MINUTES,
      exclude: OUTSIDE,
      sequence: { groupOrder: 4 },
      pool: 'forks',
      maxWorkers: 2,
      testTimeout: 180_000,
      hookTimeout: 180_000,
    },
  },
];

/** Everything that waits or searches for long: the files made for it, and the fuzzers with more inputs. */
const long: TestProjectInlineConfiguration[] = [
  {
    test: {
      name: 'soak',
      ...patient,
      globalSetup: ['./test/harness/build.ts', './test/harness/once.ts'],
      include: SOAKS,
      exclude: OUTSIDE,
      pool: 'forks',
      fileParallelism: false,
      testTimeout: 3_600_000,
      hookTimeout: 120_000,
    },
  },
];

export default defineConfig({
  test: {
    allowOnly: false,
    sequence: { sequencer: LongFirst },
    reporters: ['default', './test/reporter.ts'],
    projects: soak ? long : everyday,
  },
});
