/** The promises of the edge (media design), each judged by the rows that measured it. */
import { simulateManyPublishers, simulateOneEncoder } from '../services/access/edge/testing-days.ts';
import type { FanOutResult } from './fan-out.ts';
import type { Row } from './flv-rows.ts';
import { framesShare, framesShareMin, total } from './flv-table.ts';
import { formatNumber, spreadOf } from './measure.ts';

export interface Verdict {
  readonly text: string;
  readonly broken: boolean;
}

/** One figure of a row, its median over the runs, and what is promised of it. */
interface Figure {
  readonly name: string;
  readonly value: (result: FanOutResult) => number;
  readonly digits: number;
  readonly least?: number;
  readonly most?: number;
}

interface Promised {
  readonly number: number;
  readonly row: string;
  readonly what: string;
  readonly figures: readonly Figure[];
}

const viewersPerCore = (least: number): Figure => ({
  name: 'viewers per core',
  value: (result) => result.viewersPerCore,
  digits: 0,
  least,
});
const latencyMs = (most: number): Figure => ({
  name: 'p99 ms',
  value: ({ report }) => report.latencyMsP99,
  digits: 1,
  most,
});
const lost: Figure = { name: 'frames lost', value: ({ report }) => report.lost, digits: 0, most: 0 };

const promised: readonly Promised[] = [
  {
    number: 1,
    row: 'gala-low-10x',
    what: 'low: many viewers a core',
    figures: [viewersPerCore(10_000), lost, latencyMs(120)],
  },
  {
    number: 2,
    row: 'gala-economy-10x',
    what: 'economy: twice as many',
    figures: [viewersPerCore(20_000), lost],
  },
  {
    number: 3,
    row: 'gala-realtime-4x',
    what: 'realtime: a frame at a time',
    figures: [viewersPerCore(4000), lost],
  },
  {
    number: 3,
    row: 'gala-realtime-2x',
    what: 'realtime, the last viewer of a frame',
    figures: [lost, latencyMs(15)],
  },
  {
    number: 4,
    row: 'gala-low-joins',
    what: 'join: the first key frame while thousands come',
    figures: [{ name: 'join p99 ms', value: ({ report }) => report.joinMsP99, digits: 0, most: 100 }],
  },
  {
    number: 5,
    row: 'gala-low-10x',
    what: 'memory of a healthy viewer',
    figures: [{ name: 'KB', value: (result) => result.rssBytesPerViewer / 1024, digits: 1, most: 15 }],
  },
];

/** Viewers per core of one row over another's, at least. */
const ratios = [
  { row: 'gala-realtime', beside: 'node-media-server', ratioMin: 3 },
  { row: 'gala-low', beside: 'send-loop-100', ratioMin: 0.5 },
  { row: 'gala-low-10x', beside: 'send-loop-100-10x', ratioMin: 0.5 },
] as const;

const driftMsMax = 20;

/** All verdicts on the rows that were measured; the last one is a simulation of some seconds. */
export function verdicts(rows: readonly Row[]): Verdict[] {
  return [
    ...promised.map((each) => promiseVerdict(each, rows)),
    driftVerdict(),
    ...ratios.map((each) => ratioVerdict(each, rows)),
    ...rows.flatMap(integrityVerdict),
  ];
}

const say = (broken: boolean, text: string): Verdict => ({
  text: `${broken ? 'BROKEN' : 'kept'}: ${text}`,
  broken,
});

function median(rows: readonly Row[], id: string, value: Figure['value']): number | undefined {
  const row = rows.find((row) => row.id === id);
  return row && spreadOf(row.results.map(value)).median;
}

function promiseVerdict({ number, row, what, figures }: Promised, rows: readonly Row[]): Verdict {
  const title = `promise ${number}, ${what} (${row})`;
  if (!rows.some(({ id }) => id === row)) return { text: `not measured: ${title}`, broken: false };
  const found = figures.map((figure) => ({ figure, value: median(rows, row, figure.value) ?? NaN }));
  const isBroken = ({ figure: { least, most }, value }: (typeof found)[number]): boolean =>
    !(value >= (least ?? -Infinity) && value <= (most ?? Infinity));
  const parts = found.map(({ figure: { name, digits, least, most }, value }) => {
    const bound = least === undefined ? `<= ${most}` : `>= ${formatNumber(least, 0)}`;
    return `${name} ${formatNumber(value, digits)} (${bound})`;
  });
  return say(found.some(isBroken), `${title}: ${parts.join(', ')}`);
}

function driftVerdict(): Verdict {
  const [one, many] = [simulateOneEncoder(), simulateManyPublishers()];
  const driftMs = Math.max(one.driftMs, many.driftMs);
  const skewMs = Math.max(one.skewMs, many.skewMs);
  const messages = formatNumber(one.messages + many.messages, 0);
  return say(
    Math.max(driftMs, skewMs) > driftMsMax,
    `promise 8, clocks over a simulated 50 days, one encoder and a hundred (${messages} messages): ` +
      `drift ${driftMs.toFixed(1)} ms, A/V skew ${skewMs.toFixed(1)} ms (<= ${driftMsMax})`,
  );
}

function ratioVerdict({ row, beside, ratioMin }: (typeof ratios)[number], rows: readonly Row[]): Verdict {
  const what = `${row} ÷ ${beside}, viewers per core (promised >= ${ratioMin})`;
  const value = (result: FanOutResult): number => result.viewersPerCore;
  const [own, other] = [median(rows, row, value), median(rows, beside, value)];
  if (own === undefined || other === undefined) return { text: `not measured: ${what}`, broken: false };
  return say(own / other < ratioMin, `${what}: ${(own / other).toFixed(2)}`);
}

/** Gala's own rows must lose nothing, change nothing and drop nobody. */
function integrityVerdict(row: Row): Verdict[] {
  if (!row.id.startsWith('gala')) return [];
  const harm = ({ report }: FanOutResult): number => {
    const { lost, duplicated, hashDifferent, closed, viewers, joined } = report;
    return lost + duplicated + hashDifferent + closed + (viewers - joined);
  };
  const stalled = ({ report }: FanOutResult): boolean =>
    report.hashChecked === 0 || framesShare(report) < framesShareMin;
  const broken = total(row, harm) > 0 || row.results.some(stalled);
  return [say(broken, `${row.id} delivers every frame unchanged to every viewer`)];
}
