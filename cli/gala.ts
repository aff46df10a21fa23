import { CodedError } from '@gala/lib/error';
import { cliErrors } from './errors.ts';

/** Commands by name; each is loaded only when it is called, so that tools start fast. */
const commands: Record<
  string,
  { help: string; load: () => Promise<(args: readonly string[]) => Promise<void>> }
> = {
  up: {
    help: 'up [--one|--split] [--public] [--no-demo]   run all of Gala on this machine',
    load: async () => (await import('./up.ts')).up,
  },
  run: {
    help: 'run <role…>                                 run some roles against a shared database (DATABASE_URL)',
    load: async () => (await import('./run.ts')).run,
  },
  host: {
    help: 'host create <name> [--title T] [--password-file F]  make a host; prints the stream key once\n  host key <name>                             make a new stream key for a host',
    load: async () => (await import('./host.ts')).host,
  },
  streams: {
    help: 'streams                                     what is on air, with viewers and rates',
    load: async () => (await import('./streams.ts')).streams,
  },
  kick: {
    help: 'kick <roomId> [viewerId] --reason R         close the publisher of a room, or one viewer',
    load: async () => (await import('./streams.ts')).kick,
  },
  status: {
    help: 'status                                      what runs, where, since when',
    load: async () => (await import('./status.ts')).status,
  },
  doctor: {
    help: 'doctor                                      look for what would hurt: ports, limits, disk, clock',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  demo: {
    help: 'demo                                        publish the demo broadcast into a running Gala',
    load: async () => (await import('./demo.ts')).demo,
  },
  shards: {
    help: 'shards list | shards move <n> --to s<k>     where the logical shards are; move one while all runs',
    load: async () => (await import('./shards.ts')).shards,
  },
  twemproxy: {
    help: 'twemproxy                                   run the proxies of this host before the shards of shared data',
    load: async () => (await import('./twemproxy.ts')).twemproxy,
  },
  settings: {
    help: 'settings                                    print a sample gala.yaml with all settings and defaults',
    load: async () => (await import('./sample.ts')).sample,
  },
};

async function main([name = 'help', ...args]: readonly string[]): Promise<void> {
  if (name === 'help' || name === '--help' || name === '-h') return console.log(usage());
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new CodedError(cliErrors, 'USAGE', { detail: `no command ${name}\n${usage()}` });
  const run = await command.load();
  await run(args);
}

function usage(): string {
  return `usage: gala <command>\n${Object.values(commands)
    .map(({ help }) => `  ${help}`)
    .join('\n')}`;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof CodedError)) throw error;
  console.error(`gala: ${error.message} [${error.code}]`);
  process.exitCode = 1;
}
