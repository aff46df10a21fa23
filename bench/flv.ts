/**
 * Promise bench: HTTP-FLV fan-out of one 720p30 stream to 1,000, 2,000, 4,000 and 10,000 viewers. Gala at its three latencies
 * and over TLS, beside node-media-server (same Node), Debian's nginx-rtmp and a bare C send loop of the same byte
 * schedule; and how long joining takes while thousands come.
 */
import { parseArgs } from 'node:util';

import { measureFanOut } from './fan-out.ts';
import type { FanOutLoad, FanOutTools } from './fan-out.ts';
import { verdicts } from './flv-promises.ts';
import { allRows, pickRows, type Row } from './flv-rows.ts';
import { conditions, notes, resultTable } from './flv-table.ts';
import { buildLoad } from './load.ts';
import { sourceFlv } from './source.ts';

interface Settings {
  /** That of the smallest rows. */
  readonly load: FanOutLoad;
  readonly runs: number;
  readonly quick: boolean;
  readonly only: readonly string[];
}

const usage = `npm run bench -- flv [options]
  --viewers N           viewers of the smallest rows; others have 4, 5 and 10 times as many (1000; quick: 50)
  --seconds N           measuring window (30; quick: 3)
  --warm-up N           seconds after the last join and before the window (10; quick: 2)
  --runs N              interleaved runs, of which the median counts (3; quick: 1)
  --joins-per-second N  how fast viewers arrive, at least; larger rows in 10 s, joins rows in 2 s (500)
  --segment-bytes N     TCP_MAXSEG of viewers; 1448 cuts segments as Ethernet does, 0 leaves loopback's 64 KB (1448)
  --only a,b            only these rows; 4x, 10x and joins name a group
  --quick               small load, to see that every row works; promises are shown but not judged`;

/** Runs the bench and answers the exit code: 1 when a promise is broken, a frame lost or a payload changed. */
export async function main(args: readonly string[]): Promise<number> {
  const settings = readSettings(args);
  if (settings === undefined) {
    console.log(usage);
    return 0;
  }
  const tools = { load: await buildLoad(), source: await sourceFlv() };
  const rows = pickRows(allRows(tools, settings.load), settings.only);
  for (let run = 1; run <= settings.runs; run++) {
    for (const row of rows) await measureRow(row, { run, settings, tools });
  }
  console.log(`\n${conditions(rows, settings.runs)}\n\n${resultTable(rows)}\n\n${notes(rows)}\n`);
  const judged = verdicts(rows);
  if (settings.quick) console.log('quick: the load is too small for what follows to mean anything');
  for (const { text } of judged) console.log(text);
  return !settings.quick && judged.some(({ broken }) => broken) ? 1 : 0;
}

function readSettings(args: readonly string[]): Settings | undefined {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      viewers: text,
      seconds: text,
      'warm-up': text,
      runs: text,
      'joins-per-second': text,
      'segment-bytes': text,
      only: text,
      quick: flag,
      help: flag,
    },
  });
  if (values.help) return undefined;
  const number = (name: 'viewers' | 'seconds' | 'warm-up' | 'runs', normal: number, quick: number): number =>
    positive(name, values[name] ?? (values.quick ? quick : normal));
  return {
    quick: values.quick,
    only: values.only?.split(',') ?? [],
    runs: number('runs', 3, 1),
    load: {
      viewers: number('viewers', 1000, 50),
      seconds: number('seconds', 30, 3),
      warmUpSeconds: number('warm-up', 10, 2),
      joinsPerSecond: positive('joins-per-second', values['joins-per-second'] ?? 500),
      segmentBytes: Number(values['segment-bytes'] ?? 1448),
      hashSample: 8,
    },
  };
}

function positive(name: string, value: string | number): number {
  const number = Number(value);
  if (!(number > 0)) throw new Error(`--${name} must be a positive number, not ${value}`);
  return number;
}

interface RunContext {
  readonly run: number;
  readonly settings: Settings;
  readonly tools: FanOutTools;
}

async function measureRow(row: Row, { run, settings, tools }: RunContext): Promise<void> {
  const result = await measureFanOut(row.peer, row.load, tools);
  row.results.push(result);
  const { report } = result;
  console.log(
    `run ${run}/${settings.runs} ${row.id}: CPU ${result.cpuPercent.toFixed(1)} %, ` +
      `p99 ${report.latencyMsP99.toFixed(1)} ms, joined ${report.joined}/${report.viewers}, lost ${report.lost}`,
  );
}
