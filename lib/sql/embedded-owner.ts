import { createLogger } from '../logger/index.ts';
import { startEmbedded } from './embedded.ts';

/** A supervisor of its own for the tests: starts the server, tells its pid and port, lives until it is killed. */
const server = await startEmbedded({
  dataFolder: process.argv[2] ?? '',
  logger: createLogger({ name: 'owner', level: 'silent' }),
  volatile: true,
});
process.stdout.write(`${JSON.stringify({ pid: server.pid, port: server.port })}\n`);
setInterval(() => undefined, 60_000);
