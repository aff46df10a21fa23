/** Promise: slow work in `back` does not reach the viewers: realtime p99 stays within 1.5x of idle (overview.md). */
import { join } from 'node:path';
import { embeddedUrl } from '@gala/lib/sql';
import { buildLoad, startPublisher, view, type Load } from './load.ts';
import { formatSpread, spreadOf, table } from './measure.ts';
import { gala } from './peers/gala.ts';
import type { RunningPeer } from './peers/peer.ts';
import { startChild, type Child } from './process.ts';
import { sourceFlv } from './source.ts';

const ratioMax = 1.5;
/** Where the scheduler may put the server and the slow work: everywhere, as on an installation. */
const allCores = '0,1';
const niceOfBack = 5;

interface Options {
  readonly viewers: number;
  readonly seconds: number;
  readonly runs: number;
}

/** Answers 0 when the promise is kept, 1 otherwise. */
export async function main(args: readonly string[]): Promise<number> {
  const quick = args.includes('--quick');
  const options: Options = quick
    ? { viewers: 20, seconds: 5, runs: 1 }
    : { viewers: 1000, seconds: 15, runs: 3 };
  const load = await buildLoad();
  const source = await sourceFlv();
  const server = await gala('realtime', { tls: false, core: allCores }).start();
  try {
    const publisher = await startPublisher(load, source, server.publish!);
    const measured = await compare({ server, load, source, options });
    await publisher.stop();
    return report(measured, options, quick);
  } finally {
    await server.stop();
  }
}

interface Setting {
  readonly server: RunningPeer;
  readonly load: Load;
  readonly source: string;
  readonly options: Options;
}

interface Measured {
  readonly idle: number[];
  readonly busy: number[];
  readonly rounds: number;
}

async function compare(setting: Setting): Promise<Measured> {
  const idle: number[] = [];
  const busy: number[] = [];
  let rounds = 0;
  await p99Ms(setting);
  for (let run = 0; run < setting.options.runs; run++) {
    idle.push(await p99Ms(setting));
    const work = await startBack(setting.server);
    busy.push(await p99Ms(setting));
    rounds += work
      .output()
      .split('\n')
      .filter((line) => line.startsWith('round')).length;
    await work.stop();
  }
  return { idle, busy, rounds };
}

async function p99Ms({ server, load, source, options }: Setting): Promise<number> {
  const crowd = {
    viewers: options.viewers,
    joinsPerSecond: 500,
    warmUpSeconds: 2,
    segmentBytes: 1448,
    hashSample: 0,
  };
  const { latencyMsP99, lost } = await view(load, {
    ...crowd,
    seconds: options.seconds,
    target: server.play,
    source,
  });
  if (lost > 0) throw new Error(`${lost} frames were lost`);
  return latencyMsP99;
}

async function startBack(server: RunningPeer): Promise<Child> {
  const url = await embeddedUrl(server.dataFolder!, 'gala_s0');
  const script = join(import.meta.dirname, 'back-work.ts');
  const child = startChild('nice', ['-n', String(niceOfBack), process.execPath, script, url], {
    core: allCores,
  });
  await child.line(/^round 1$/, 120_000);
  return child;
}

function report({ idle, busy, rounds }: Measured, { viewers, runs }: Options, quick: boolean): number {
  const ratio = spreadOf(busy).median / spreadOf(idle).median;
  console.log(
    `\nRealtime frame latency of ${viewers} viewers, p99, ${runs} interleaved run(s), median (range);`,
  );
  console.log(
    `beside it 2 M rows scanned and 100 k sorted without pause (${rounds} rounds) at nice ${niceOfBack}.\n`,
  );
  console.log(
    table(
      ['back', 'p99 ms'],
      [
        ['idle', formatSpread(spreadOf(idle), 1)],
        ['scanning and sorting', formatSpread(spreadOf(busy), 1)],
      ],
    ),
  );
  console.log(`\nratio (promised <= ${ratioMax}): ${ratio.toFixed(2)}`);
  return quick || ratio <= ratioMax ? 0 : 1;
}
