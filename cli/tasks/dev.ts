// `npm run dev [-- <options of gala up>]`: starts again when a source changes, and builds the pages as they change.
import { build } from 'vite';
import { ROOT, run } from './command.ts';

const sources = ['cli', 'services', 'sdk', 'media-io', 'media', 'lib', 'protocol'];
const watcher = await build({ root: `${ROOT}/web`, logLevel: 'warn', build: { watch: {} } });
process.exitCode = await run(process.execPath, [
  '--watch',
  ...sources.map((folder) => `--watch-path=${ROOT}/${folder}`),
  `${ROOT}/cli/bootstrap.js`,
  'up',
  ...process.argv.slice(2),
]);
if ('close' in watcher) await watcher.close();
