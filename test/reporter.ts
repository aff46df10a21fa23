import { relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

/**
 * Longest time one test file may take, by project, in ms. A project without an entry has no budget. A machine that has
 * other work takes three times as long as an idle one, where a unit file should stay below 15 s.
 */
export const BUDGET_MS: Readonly<Record<string, number>> = { unit: 60_000, scenario: 240_000 };
/** How many of the slowest tests are printed. */
const SLOWEST_COUNT = 10;

/** What one test file came to. Durations in ms. */
export interface FileOutcome {
  readonly path: string;
  readonly project: string;
  readonly durationMs: number;
  /** Errors outside tests: the file does not load, a hook fails. */
  readonly errorCount: number;
  readonly tests: readonly TestOutcome[];
}

export interface TestOutcome {
  readonly name: string;
  readonly durationMs: number;
  readonly state: 'passed' | 'failed' | 'skipped';
  /** How often it was tried again. */
  readonly retries: number;
}

export interface Summary {
  passed: number;
  failed: number;
  skipped: number;
  /** Sentences on failures that no test stands for: broken files and hooks, budgets, an empty run. */
  readonly complaints: readonly string[];
  readonly slowest: readonly string[];
  /** Tests that failed and were tried again, whatever came of it. */
  readonly retried: readonly string[];
}

/** Counts a run. Whatever makes the run fail counts as failed, so that the closing line never says 0 beside it. */
export function summarize(files: readonly FileOutcome[], unhandledErrorCount: number): Summary {
  const complaints = files.flatMap(complaintsOf);
  if (unhandledErrorCount > 0) complaints.push(`${unhandledErrorCount} errors outside any test`);
  const tests = files.flatMap((file) => file.tests.map((test) => ({ ...test, path: file.path })));
  const count = (state: TestOutcome['state']) => tests.filter((test) => test.state === state).length;
  const failed = count('failed') + complaints.length;
  if (failed === 0 && count('passed') === 0) complaints.push('no test ran');
  const slowest = tests.toSorted((a, b) => b.durationMs - a.durationMs).slice(0, SLOWEST_COUNT);
  return {
    passed: count('passed'),
    failed: count('failed') + complaints.length,
    skipped: count('skipped'),
    complaints,
    retried: tests
      .filter(({ retries }) => retries > 0)
      .map(({ path, name, retries, state }) => `${path} > ${name}: ${state} at try ${retries + 1}`),
    slowest: slowest.map((test) => `${seconds(test.durationMs).padStart(8)}  ${test.path} > ${test.name}`),
  };
}

function complaintsOf(file: FileOutcome): string[] {
  const complaints: string[] = [];
  if (file.errorCount > 0) complaints.push(`${file.path}: ${file.errorCount} errors outside its tests`);
  const budgetMs = BUDGET_MS[file.project];
  if (budgetMs !== undefined && file.durationMs > budgetMs) {
    const budget = `the budget of a ${file.project} file is ${seconds(budgetMs)}`;
    complaints.push(`${file.path}: took ${seconds(file.durationMs)}; ${budget}`);
  }
  return complaints;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

function outcomeOf(module: TestModule, root: string): FileOutcome {
  const { duration, collectDuration, setupDuration } = module.diagnostic();
  const suites = [module, ...module.children.allSuites()];
  return {
    path: relative(root, module.moduleId),
    project: module.project.name,
    durationMs: duration + collectDuration + setupDuration,
    errorCount: suites.reduce((sum, suite) => sum + suite.errors().length, 0),
    tests: [...module.children.allTests()].map((test) => {
      const { state } = test.result();
      return {
        name: test.fullName,
        durationMs: test.diagnostic()?.duration ?? 0,
        // A test that is still pending when the run is over was cut off: it did not pass.
        state: state === 'pending' ? 'failed' : state,
        retries: test.diagnostic()?.retryCount ?? 0,
      };
    }),
  };
}

/**
 * Stands beside the default reporter: holds every file to its time budget, prints the slowest tests, those that were
 * tried again and, as the very last line of the process, `N passed, N failed, N skipped`.
 */
export default class ClosingReporter implements Reporter {
  // Until a run has ended, whatever ends the process is a failure.
  #summary: Pick<Summary, 'passed' | 'failed' | 'skipped'> = { passed: 0, failed: 1, skipped: 0 };
  #root = process.cwd();

  onInit(vitest: { config: { root: string } }): void {
    this.#root = vitest.config.root;
    process.once('exit', () => {
      const { passed, failed, skipped } = this.#summary;
      if (failed > 0) process.exitCode ||= 1;
      process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const summary = summarize(
      modules.map((module) => outcomeOf(module, this.#root)),
      unhandledErrors.length,
    );
    this.#summary = summary;
    console.log(`Slowest tests:\n${summary.slowest.join('\n')}`);
    for (const retried of summary.retried) console.log(`TRIED AGAIN: ${retried}`);
    for (const complaint of summary.complaints) console.log(`FAILED: ${complaint}`);
  }
}
