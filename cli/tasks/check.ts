// `npm run check`: types, lint, format, dead code and the rules of test/tidy.test.ts. All run; any may fail.
import { runTool } from './command.ts';

const STEPS: readonly (readonly [name: string, tool: string, ...args: string[]])[] = [
  ['types', 'typescript/tsc', '-p', '.'],
  ['lint', 'oxlint', '--type-aware', '--deny-warnings'],
  ['format', 'oxfmt', '--check'],
  ['dead code', 'knip', '--no-progress'],
  ['tidy', 'vitest', 'run', 'test/tidy'],
];

const failed: string[] = [];
for (const [name, tool, ...args] of STEPS) {
  const startMs = performance.now();
  const code = await runTool(tool, args);
  console.log(
    `${code === 0 ? 'ok' : 'FAILED'}: ${name} (${((performance.now() - startMs) / 1000).toFixed(1)} s)`,
  );
  if (code !== 0) failed.push(name);
}
if (failed.length > 0) {
  console.log(`check failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
