import { startTestProcess, type TestProcessOptions } from './testing.ts';

/** An owner in a process of its own, until it is killed; with SIGTERM it closes as a planned restart does. */
const options = JSON.parse(process.env['INTERACTION_OWNER'] ?? '{}') as TestProcessOptions;
const running = await startTestProcess(options);
process.once('SIGTERM', () => void running[Symbol.asyncDispose]().then(() => process.exit(0)));
process.stdout.write('ready\n');
