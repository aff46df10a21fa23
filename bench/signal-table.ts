/** What `signal` prints of its rows: the table, the conditions, what a reader has to know, and the promises. */
import { cpus, release } from 'node:os';

import { clientProcesses } from './load.ts';
import { formatNumber, formatSpread, spreadOf, table } from './measure.ts';
import type { RoomResult, RoomRow } from './signal-rows.ts';

/** Above this share of its core the client, not the server, may be what is measured. */
const clientCpuPercentMax = 85;
/** Above this share the server has no room left, so its latency and losses say little. */
const serverCpuPercentMax = 97;
/** Of what was offered in the window, viewers got at least so much, or the row says so. */
const shareMin = 0.98;

export function conditions(rows: readonly RoomRow[], runs: number): string {
  const [{ run }] = rows;
  const crowds = [...new Set(rows.map((row) => row.run.viewers))].map(
    (viewers) => `${viewers} in ${clientProcesses(viewers)}`,
  );
  return [
    `Messages of ${run.messageBytes} B by ${run.senders} senders to one room; ${run.warmUpSeconds} s warm-up + ` +
      `${run.seconds} s, ${runs} interleaved run(s), median (range). Viewers and processes that they are in: ${crowds.join(', ')}.`,
    `Server tree on core 0, senders and viewers (compiled C) on core 1 of ${cpus()[0]?.model ?? 'unknown'}; ` +
      `Linux ${release()}, Node ${process.versions.node}.`,
    'Loopback: no network card, no interrupts, no losses; what TCP does on receipt is done on the server’s core.',
  ].join('\n');
}

interface Column {
  readonly name: string;
  readonly digits: number;
  readonly value: (result: RoomResult) => number;
}

const columns: readonly Column[] = [
  { name: 'CPU %', digits: 1, value: (result) => result.cpuPercent },
  { name: 'deliveries/s', digits: 0, value: (result) => result.deliveriesPerSecond },
  { name: 'deliveries/s/core', digits: 0, value: (result) => result.deliveriesPerCore },
  { name: 'p50 ms', digits: 1, value: (result) => result.report.latencyMsP50 },
  { name: 'p99 ms', digits: 1, value: (result) => result.report.latencyMsP99 },
  { name: 'KB/viewer', digits: 2, value: (result) => result.rssBytesPerViewer / 1024 },
  { name: 'kbps/viewer', digits: 0, value: ({ report }) => (report.bytesPerViewerPerSecond * 8) / 1000 },
  { name: 'client CPU %', digits: 0, value: ({ report }) => report.cpuPercent },
];

export function resultTable(rows: readonly RoomRow[]): string {
  const header = [
    'row',
    'viewers',
    'messages/s',
    ...columns.map(({ name }) => name),
    'lost',
    'repeated',
    'flags',
  ];
  const cells = rows.map((row) => [
    row.id,
    formatNumber(row.run.viewers, 0),
    formatNumber(row.run.perSecond, 0),
    ...columns.map((column) => formatSpread(spreadOf(row.results.map(column.value)), column.digits)),
    formatNumber(
      total(row, ({ report }) => report.lost),
      0,
    ),
    formatNumber(
      total(row, ({ report }) => report.duplicated),
      0,
    ),
    flags(row).join(', ') || '-',
  ]);
  return table(header, cells);
}

/** The sum of a value over all runs of a row. */
function total(row: RoomRow, value: (result: RoomResult) => number): number {
  return row.results.reduce((sum, result) => sum + value(result), 0);
}

/** What a reader has to know before trusting a row. */
function flags({ run, results }: RoomRow): string[] {
  const any = (test: (result: RoomResult) => boolean): boolean => results.some(test);
  const named: [string, boolean][] = [
    ['client at its limit', any(({ report }) => report.cpuPercent > clientCpuPercentMax)],
    ['server saturated', any((result) => result.cpuPercent > serverCpuPercentMax)],
    ['messages missing', any((result) => deliveredShare(result, run.perSecond) < shareMin)],
    ['viewers missing', any(({ report }) => report.joined < report.viewers)],
    ['viewers dropped', any(({ report }) => report.closed > 0)],
    ['sender late', any(({ offered }) => (offered?.lateMsMax ?? 0) > 100)],
    ['messages refused', any(({ offered }) => (offered?.refused ?? 0) > 0)],
  ];
  return named.flatMap(([name, holds]) => (holds ? [name] : []));
}

/** Messages received ÷ those offered in the window to all viewers; 1 when none were. */
export function deliveredShare({ report }: Pick<RoomResult, 'report'>, perSecond: number): number {
  const offered = report.viewers * report.seconds * perSecond;
  return offered === 0 ? 1 : report.frames / offered;
}

/** What the columns mean, and each server's conditions. */
export function notes(rows: readonly RoomRow[]): string {
  const byPeer = Map.groupBy(rows, ({ peer }) => peer);
  const lines = [...byPeer].map(([peer, of]) => {
    const processes = Math.max(...of.flatMap(({ results }) => results.map((result) => result.processes)));
    return `- ${peer.name}: ${processes} process(es); ${peer.conditions}`;
  });
  return [
    'CPU: whole process tree, percent of one core. A delivery is one message received by one viewer, however many came in',
    'one frame. Latency: from the stamp in the message, set when it was sent. KB: growth of the tree’s resident memory.',
    'Lost and repeated: by the sequence of each sender at every viewer, whole run.',
    `Flags: the client is at its limit over ${clientCpuPercentMax} % of its core (which has the senders too), the ` +
      `server over ${serverCpuPercentMax} %.`,
    ...lines,
  ].join('\n');
}

export interface Verdict {
  readonly text: string;
  readonly broken: boolean;
}

const say = (broken: boolean, text: string): Verdict => ({
  text: `${broken ? 'BROKEN' : 'kept'}: ${text}`,
  broken,
});

interface Promised {
  readonly what: string;
  readonly row: string;
  readonly value: (result: RoomResult) => number;
  readonly digits: number;
  readonly unit: string;
  readonly least?: number;
  readonly most?: number;
}

const perCore = (result: RoomResult): number => result.deliveriesPerCore;
const rssKb = (result: RoomResult): number => result.rssBytesPerViewer / 1024;
const p99 = ({ report }: RoomResult): number => report.latencyMsP99;

const promised: readonly Promised[] = [
  {
    what: 'fan-out',
    row: 'gala-100ms-10k',
    value: perCore,
    digits: 0,
    unit: 'deliveries/s/core',
    least: 2_000_000,
  },
  { what: 'windows', row: 'gala-100ms-10k', value: p99, digits: 1, unit: 'ms at p99', most: 250 },
  { what: 'idle connections', row: 'gala-idle', value: rssKb, digits: 2, unit: 'KB each', most: 5 },
  {
    what: 'a room that takes all of its core',
    row: 'gala-19k',
    value: p99,
    digits: 1,
    unit: 'ms at p99',
    most: 400,
  },
];

/** Deliveries/s/core of one row over another's, at least. */
const ratios = [
  { row: 'gala-100ms-1k', beside: 'socket-io-1k', ratioMin: 10 },
  { row: 'gala-100ms-10k', beside: 'socket-io-10k', ratioMin: 10 },
  { row: 'gala-100ms-1k', beside: 'nchan-1k', ratioMin: 1 },
  { row: 'gala-100ms-10k', beside: 'nchan-10k', ratioMin: 1 },
] as const;

/** All verdicts on the rows that were measured. */
export function verdicts(rows: readonly RoomRow[]): Verdict[] {
  return [
    ...promised.map((each) => promiseVerdict(each, rows)),
    ...ratios.map((each) => ratioVerdict(each, rows)),
    ...rows.flatMap(integrityVerdict),
  ];
}

function median(rows: readonly RoomRow[], id: string, value: Promised['value']): number | undefined {
  const row = rows.find((each) => each.id === id);
  return row && spreadOf(row.results.map(value)).median;
}

function promiseVerdict(
  { what, row, value, digits, unit, least, most }: Promised,
  rows: readonly RoomRow[],
): Verdict {
  const found = median(rows, row, value);
  if (found === undefined) return { text: `not measured: ${what} (${row})`, broken: false };
  const isKept = found >= (least ?? -Infinity) && found <= (most ?? Infinity);
  const bound = least === undefined ? `<= ${most}` : `>= ${formatNumber(least, 0)}`;
  return say(!isKept, `${what} (${row}): ${formatNumber(found, digits)} ${unit} (${bound})`);
}

function ratioVerdict({ row, beside, ratioMin }: (typeof ratios)[number], rows: readonly RoomRow[]): Verdict {
  const [ours, theirs] = [median(rows, row, perCore), median(rows, beside, perCore)];
  if (ours === undefined || !theirs) return { text: `not measured: ${row} over ${beside}`, broken: false };
  const ratio = ours / theirs;
  return say(
    ratio < ratioMin,
    `${row} over ${beside}: ${ratio.toFixed(1)}x the deliveries/s/core (>= ${ratioMin}x)`,
  );
}

/** Peers may do as they like; ours neither lose nor repeat. */
function integrityVerdict(row: RoomRow): Verdict[] {
  if (!row.id.startsWith('frames') && !row.id.startsWith('gala')) return [];
  const [lost, repeated] = [
    total(row, ({ report }) => report.lost),
    total(row, ({ report }) => report.duplicated),
  ];
  if (lost === 0 && repeated === 0) return [];
  return [say(true, `${row.id}: ${lost} messages lost, ${repeated} repeated or out of order`)];
}
