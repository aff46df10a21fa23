// `npm run bench -- <name> [options]`: brings what benches run beside Gala and compile, then runs one.
import { BENCH_ENGINES, ensureEngines, installLine } from './engines.ts';
import { ROOT, run } from './command.ts';

const missing = await ensureEngines(BENCH_ENGINES);
if (missing.length > 0) console.error(`${missing.join(', ')} missing: ${installLine(missing)}`);
process.exitCode = await run(process.execPath, [`${ROOT}/bench/run.ts`, ...process.argv.slice(2)]);
