/** `npm run bench -- <name> [options]`: runs one bench; without a name it lists them. */

/** Each bench's `main` answers its exit code: 0 when its promises are kept. */
interface Bench {
  readonly about: string;
  readonly load: () => Promise<{ main(args: readonly string[]): Promise<number> }>;
}

const benches: Record<string, Bench> = {
  eventlog: {
    about:
      'the event log on PostgreSQL and on Kafka: events a second, and how soon a reader has one (1 minute)',
    load: () => import('./eventlog.ts'),
  },
  cache: {
    about:
      'what a read costs in each level of the cache, beside lru-cache, and what the hot-key policies do ' +
      '(about 2 minutes; --quick: 40 s)',
    load: () => import('./levels.ts'),
  },
  flv: {
    about:
      'HTTP-FLV fan-out to 1,000 to 10,000 viewers beside node-media-server, nginx-rtmp and a C send loop ' +
      '(about 80 minutes; --quick: 6)',
    load: () => import('./flv.ts'),
  },
  jobs: {
    about: '100,000 rooms visited once a second by a sharded job (about 4 minutes; --quick: 1)',
    load: () => import('./jobs.ts'),
  },
  'loop-delay': {
    about: 'realtime latency while slow work runs beside it (about 3 minutes)',
    load: () => import('./loop-delay.ts'),
  },
  rooms: {
    about:
      'rooms on air in memory: full refresh, change to visible in ten replicas (about 5 minutes; --quick: 1)',
    load: () => import('./rooms.ts'),
  },
  signal: {
    about:
      'what is said in a room to 10 to 19,000 viewers, beside Socket.IO, ws and nchan (about 50 minutes; --quick: 1)',
    load: () => import('./signal.ts'),
  },
  rules: {
    about: 'what it costs to judge a comment, and to look for 10,000 words in it (15 seconds)',
    load: () => import('./rules.ts'),
  },
  'signal-room': {
    about:
      'one room of 10,000: what became of 2,000 signals a second in each tier (about 90 s; --quick: 30 s)',
    load: () => import('./signal-room.ts'),
  },
  'signal-joins': {
    about: '20,000 joins a second while 1,000 viewers listen (about 1 minute; --quick: 40 s)',
    load: () => import('./signal-joins.ts'),
  },
  self: {
    about: 'the load programs themselves: known harm has to be reported, and nothing else',
    load: () => import('./self.ts'),
  },
};

async function runBench(name: string | undefined, args: readonly string[]): Promise<number> {
  const bench = name === undefined ? undefined : benches[name];
  if (bench !== undefined) return (await bench.load()).main(args);
  if (name !== undefined) console.error(`no bench is called ${name}`);
  console.log('npm run bench -- <name> [--help]\n');
  for (const [known, { about }] of Object.entries(benches)) console.log(`  ${known.padEnd(12)} ${about}`);
  return name === undefined ? 0 : 2;
}

// An interrupted bench exits through `process.on('exit')`, which ends the servers it started.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const [name, ...args] = process.argv.slice(2);
process.exitCode = await runBench(name, args);
