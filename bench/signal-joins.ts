/**
 * Promise bench: twenty thousand joins a second are offered to a node that lets 500 in: those get in, and the viewers
 * who are there hear what is said as before.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { buildLoad, optionArgs, type Load, type ViewerReport } from './load.ts';
import { formatNumber, printChecks, table } from './measure.ts';
import { startGalaRoom, type RunningGalaRoom } from './peers/gala-room.ts';
import { loadCore, startChild } from './process.ts';
import { socketArgs, startOffering, viewRoom } from './room-load.ts';

const usage = `npm run bench -- signal-joins [options]
  --joins N      joins that are offered in a second (20000; quick: 2000)
  --seconds N    how long (10; quick: 3)
  --quick        small load, to see that it works; promises are shown but not judged`;

const admittedPerSecond = 500;
const burst = 1_000;
const viewers = 1_000;
const ratioMax = 2;
/** Of what was to be offered, and of what may be let in. */
const shareMin = 0.9;

/** What `ws-storm` prints: what became of the joins. */
interface StormReport {
  readonly seconds: number;
  readonly offered: number;
  readonly admitted: number;
  readonly refused: number;
  /** Without an answer, by the server. */
  readonly closed: number;
  /** By the client, which had no answer for a second. */
  readonly unanswered: number;
  /** Not offered: all that may be open were. */
  readonly withheld: number;
  readonly cpuPercent: number;
}

export async function main(args: readonly string[]): Promise<number> {
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { joins: { type: 'string' }, seconds: { type: 'string' }, quick: flag, help: flag },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const joinsPerSecond = Number(values.joins ?? (values.quick ? 2_000 : 20_000));
  const seconds = Number(values.seconds ?? (values.quick ? 3 : 10));
  const load = await buildLoad();
  const env = {
    GALA_SIGNAL_JOINS_PER_SECOND: String(admittedPerSecond),
    GALA_SIGNAL_JOINS_BURST: String(burst),
  };
  const room = await startGalaRoom({ env });
  try {
    const said = { connections: 1, perSecond: 20, messageBytes: 100 };
    const offering = await startOffering(load, room.offer, said);
    const quiet = await listen(load, room, { seconds });
    const storm = Promise.withResolvers<StormReport>();
    const onMeasuring = (): void =>
      void offerJoins(load, room, { joinsPerSecond, seconds }).then(storm.resolve, storm.reject);
    const beside = await listen(load, room, { seconds, onMeasuring });
    await offering.stop();
    const broken = print({ quiet, beside, joinsPerSecond, seconds, storm: await storm.promise });
    return broken && !values.quick ? 1 : 0;
  } finally {
    await room.stop();
  }
}

interface Listening {
  readonly seconds: number;
  readonly onMeasuring?: () => void;
}

/** Viewers who come, and hear what is said for so long. */
function listen(
  load: Load,
  { view }: RunningGalaRoom,
  { seconds, onMeasuring = () => undefined }: Listening,
): Promise<ViewerReport> {
  const joinsPerSecond = admittedPerSecond / 2;
  const times = { joinsPerSecond, warmUpSeconds: 5, seconds };
  return viewRoom(load, { target: view, viewers, ...times, onMeasuring, onMeasured: () => undefined });
}

async function offerJoins(
  load: Load,
  { view }: RunningGalaRoom,
  { joinsPerSecond, seconds }: { readonly joinsPerSecond: number; readonly seconds: number },
): Promise<StormReport> {
  const numbers = { 'joins-per-second': joinsPerSecond, seconds, addresses: 250 };
  const args = [...socketArgs(view), ...optionArgs(numbers)];
  const storm = startChild(join(load.folder, 'ws-storm'), args, { core: loadCore });
  await storm.exited;
  return JSON.parse(storm.output()) as StormReport;
}

interface Found {
  readonly quiet: ViewerReport;
  readonly beside: ViewerReport;
  readonly storm: StormReport;
  readonly joinsPerSecond: number;
  readonly seconds: number;
}

/** Prints what was found; true when a promise is broken. */
function print({ quiet, beside, storm, joinsPerSecond, seconds }: Found): boolean {
  const perSecond = (count: number): string => `${formatNumber(count / storm.seconds, 0)}/s`;
  const { admitted, refused, closed, unanswered, withheld } = storm;
  const header = ['offered', 'let in', 'refused', 'closed', 'no answer within 1 s', 'client CPU'];
  const counts = [storm.offered, admitted, refused, closed, unanswered].map(perSecond);
  console.log(table(header, [[...counts, `${storm.cpuPercent.toFixed(0)} %`]]));
  if (withheld > 0) console.log(`${perSecond(withheld)} were not offered: too many were open`);
  const ratio = beside.latencyMsP99 / quiet.latencyMsP99;
  const most = admittedPerSecond * seconds + burst;
  const latencies = `${quiet.latencyMsP99.toFixed(1)} → ${beside.latencyMsP99.toFixed(1)} ms`;
  return printChecks([
    [
      `${perSecond(storm.offered)} of ${joinsPerSecond}/s were offered`,
      storm.offered >= shareMin * joinsPerSecond * seconds,
    ],
    [
      `${admitted} were let in, of ${admittedPerSecond}/s and ${burst} at once: ${most} at most`,
      admitted >= shareMin * admittedPerSecond * seconds && admitted <= most,
    ],
    [
      `all ${viewers} viewers stayed, heard ${formatNumber(beside.frames / beside.seconds, 0)} lines/s and lost none`,
      beside.joined === viewers && beside.closed === 0 && beside.lost === 0 && beside.frames > 0,
    ],
    [`p99 of the viewers ${latencies}: ${ratio.toFixed(2)}x (<= ${ratioMax}x)`, ratio <= ratioMax],
  ]);
}
