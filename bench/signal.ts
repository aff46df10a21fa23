/**
 * Promise bench: what is said in a room to 10 to 19,000 viewers, and idle connections, beside Socket.IO and ws (same
 * Node) and Debian's nchan.
 */
import { parseArgs } from 'node:util';

import { buildLoad } from './load.ts';
import { allRows, measureRoom, pickRows, type RoomRun } from './signal-rows.ts';
import { conditions, notes, resultTable, verdicts } from './signal-table.ts';

interface Settings {
  readonly base: Omit<RoomRun, 'viewers' | 'perSecond'>;
  readonly scale: number;
  readonly runs: number;
  readonly quick: boolean;
  readonly only: readonly string[];
}

const usage = `npm run bench -- signal [options]
  --seconds N    measuring window (30; quick: 1)
  --warm-up N    seconds after the last join and before the window (10; quick: 0.5)
  --runs N       interleaved runs, of which the median counts (3; quick: 1)
  --scale N      share of the viewers of each row (1; quick: 0.05)
  --only a,b     only these rows
  --quick        small load, to see that every row works; promises are shown but not judged`;

/** Runs the bench and answers the exit code: 1 when a promise is broken. */
export async function main(args: readonly string[]): Promise<number> {
  const settings = readSettings(args);
  if (settings === undefined) {
    console.log(usage);
    return 0;
  }
  const { base, scale, runs, only, quick } = settings;
  const load = await buildLoad();
  const rows = pickRows(allRows(base, scale), only).filter(({ id }) => load.tls || !id.includes('tls'));
  for (let run = 1; run <= runs; run++) {
    for (const row of rows) {
      const result = await measureRoom(row, load);
      row.results.push(result);
      console.log(
        `run ${run}/${runs} ${row.id}: CPU ${result.cpuPercent.toFixed(1)} %, ` +
          `${Math.round(result.deliveriesPerSecond)} deliveries/s, p99 ${result.report.latencyMsP99.toFixed(1)} ms, ` +
          `${(result.rssBytesPerViewer / 1024).toFixed(2)} KB each, lost ${result.report.lost}`,
      );
    }
  }
  console.log(`\n${conditions(rows, runs)}\n\n${resultTable(rows)}\n\n${notes(rows)}\n`);
  const judged = verdicts(rows);
  if (quick) console.log('quick: the load is too small for what follows to mean anything');
  for (const { text } of judged) console.log(text);
  return !quick && judged.some(({ broken }) => broken) ? 1 : 0;
}

function readSettings(args: readonly string[]): Settings | undefined {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { seconds: text, 'warm-up': text, runs: text, scale: text, only: text, quick: flag, help: flag },
  });
  if (values.help) return undefined;
  const number = (name: 'seconds' | 'warm-up' | 'runs' | 'scale', normal: number, quick: number): number => {
    const value = Number(values[name] ?? (values.quick ? quick : normal));
    if (!(value > 0)) throw new Error(`--${name} must be a positive number, not ${values[name]}`);
    return value;
  };
  return {
    quick: values.quick,
    only: values.only?.split(',') ?? [],
    runs: number('runs', 3, 1),
    scale: number('scale', 1, 0.05),
    base: {
      senders: 10,
      messageBytes: 100,
      joinsPerSecond: 500,
      warmUpSeconds: number('warm-up', 10, 0.5),
      seconds: number('seconds', 30, 1),
    },
  };
}
