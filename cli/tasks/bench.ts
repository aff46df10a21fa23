// `npm run bench -- <name> [options]`: brings the peers that benches run beside Gala, then runs one.
import { ensureEngines, installLine } from './engines.ts';
import { ROOT, run } from './command.ts';

const missing = await ensureEngines(['ffmpeg', 'nginx']);
if (missing.length > 0) console.error(`${missing.join(', ')} missing: ${installLine(missing)}`);
process.exitCode = await run(process.execPath, [`${ROOT}/bench/run.ts`, ...process.argv.slice(2)]);
