/** Promise: 100,000 rooms, each visited once a second, over 64 partitions of a sharded job (foundation.md). */
import { roomCount } from './jobs-rooms.ts';
import { measureVisits, type Visits } from './jobs-visits.ts';
import { formatNumber, table } from './measure.ts';

const lateMsP99Max = 250;

/** Answers 0 when the promise is kept, 1 otherwise. */
export async function main(args: readonly string[]): Promise<number> {
  const seconds = args.includes('--quick') ? 10 : 60;
  const rows: string[][] = [];
  let isKept = true;
  for (const workers of [1, 3, 6]) {
    const visits = await measureVisits({ workers, seconds });
    isKept &&= keeps(visits, seconds);
    rows.push(rowOf(workers, visits, seconds));
  }
  const header = ['workers', 'ticks', 'due', 'twice', 'visits/s', 'late p50', 'p99', 'max ms', 'cores'];
  console.log(table(header, rows));
  console.log(isKept ? 'kept' : `broken: every tick once, p99 <= ${lateMsP99Max} ms`);
  return isKept ? 0 : 1;
}

function keeps({ ticks, ticksDue, ticksTwice, visits, lateMsP99 }: Visits, seconds: number): boolean {
  const isComplete = ticks === ticksDue && ticksTwice === 0 && visits === roomCount * seconds;
  return isComplete && lateMsP99 <= lateMsP99Max;
}

function rowOf(workers: number, visits: Visits, seconds: number): string[] {
  const { ticks, ticksDue, ticksTwice, lateMsP50, lateMsP99, lateMsMax, workersCpuPercent } = visits;
  const late = [lateMsP50, lateMsP99, lateMsMax].map((ms) => formatNumber(ms, 1));
  const counts = [workers, ticks, ticksDue, ticksTwice, visits.visits / seconds].map(String);
  return [...counts, ...late, formatNumber(workersCpuPercent / 100, 3)];
}
