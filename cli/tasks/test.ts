// `npm test [-- <filter> …]`: brings the engines, builds the pages, runs every test.
import { createVitest, parseCLI, type Vitest } from 'vitest/node';
import { buildWeb } from './build.ts';
import { ensureEngines, installLine, TEST_ENGINES, type EngineName } from './engines.ts';
import { ensureKafka } from './kafka.ts';

const missing = await ensureEngines(TEST_ENGINES);
warn(missing);
// Fetched while other tests run; those that need it wait for their own.
void ensureKafka().catch(console.error);
const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)]);
const vitest = await prepare();
if (vitest) {
  // From here on the reporter closes the output, whatever happens.
  await vitest.start(filter).catch(console.error);
  await vitest.close();
  warn(missing);
}

async function prepare(): Promise<Vitest | undefined> {
  try {
    await buildWeb();
    return await createVitest('test', { ...options, watch: false });
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
    console.log('0 passed, 1 failed, 0 skipped');
    return undefined;
  }
}

/** Said before the run and again after it, so that nobody takes a run with holes for a whole one. */
function warn(names: readonly EngineName[]): void {
  if (names.length === 0) return;
  const what = process.env['CI'] === 'true' ? 'FAIL' : 'are SKIPPED';
  console.error(`\n*** ${names.join(', ')} missing: the tests that need it ${what}. To run them: ***`);
  console.error(`***   ${installLine(names)}\n`);
}
