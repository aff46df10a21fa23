/** What `flv` prints of its rows: the table, the conditions, and what a reader has to know before trusting a row. */
import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';

import type { FanOutResult } from './fan-out.ts';
import type { Row } from './flv-rows.ts';
import { clientProcesses } from './load.ts';
import type { ViewerReport } from './load.ts';
import { formatNumber, formatSpread, spreadOf, table } from './measure.ts';
import { sourceFramesPerSecond } from './source.ts';

/** Above this share of its core the client, not the server, may be what is measured. */
const clientCpuPercentMax = 85;
/** Above this share the server has no room left, so its latency and losses say little. */
const serverCpuPercentMax = 97;

/** A stream that stalls loses nothing by sequence, so frames are counted against the clock too. */
export const framesShareMin = 0.98;

/** The load and the machine, in three lines. */
export function conditions(rows: readonly Row[], runs: number): string {
  const { warmUpSeconds, seconds, segmentBytes } = rows[0].load;
  const socketRead = (name: string): string =>
    readFileSync(`/proc/sys/net/ipv4/${name}`, 'utf8').trim().replaceAll('\t', ' ');
  const segments = segmentBytes > 0 ? `TCP_MAXSEG ${segmentBytes}` : '64 KB segments';
  const crowds = [...new Set(rows.map(({ load }) => load.viewers))].map(
    (viewers) => `${viewers} in ${clientProcesses(viewers)}`,
  );
  return [
    `720p30 H.264 ~1 Mbps + AAC 128 kbps over RTMP; ${warmUpSeconds} s warm-up + ${seconds} s, ` +
      `${runs} interleaved run(s), median (range). Viewers and processes that they are in: ${crowds.join(', ')}.`,
    `Server tree on core 0, publisher and viewers (compiled C) on core 1 of ${cpus()[0]?.model ?? 'unknown'}; ` +
      `Linux ${release()}, Node ${process.versions.node}.`,
    `Loopback: no network card, no interrupts, no losses; what TCP does on receipt is done on the server's core, so ` +
      `its share is higher and the viewers' lower than over a wire. Viewers: ${segments}, default buffers; ` +
      `publisher: TCP_NODELAY, chunks of 65,536; ` +
      `tcp_wmem ${socketRead('tcp_wmem')}, congestion control ${socketRead('tcp_congestion_control')}.`,
  ].join('\n');
}

interface Column {
  readonly name: string;
  readonly digits: number;
  readonly value: (result: FanOutResult) => number;
}

const columns: readonly Column[] = [
  { name: 'CPU %', digits: 1, value: (result) => result.cpuPercent },
  { name: 'viewers/core', digits: 0, value: (result) => result.viewersPerCore },
  { name: 'p50 ms', digits: 1, value: (result) => result.report.latencyMsP50 },
  { name: 'p99 ms', digits: 1, value: (result) => result.report.latencyMsP99 },
  { name: 'audio p99 ms', digits: 1, value: (result) => result.report.audioMsP99 },
  { name: 'join p99 ms', digits: 0, value: (result) => result.report.joinMsP99 },
  { name: 'KB/viewer', digits: 1, value: (result) => result.rssBytesPerViewer / 1024 },
  { name: 'Mbps/viewer', digits: 2, value: (result) => (result.report.bytesPerViewerPerSecond * 8) / 1e6 },
  { name: 'client CPU %', digits: 0, value: (result) => result.report.cpuPercent },
];

export function resultTable(rows: readonly Row[]): string {
  const header = [
    'server',
    'viewers',
    'joins/s',
    ...columns.map((column) => column.name),
    'lost',
    'payloads',
    'flags',
  ];
  const cells = rows.map((row) => [
    row.peer.name,
    formatNumber(row.load.viewers, 0),
    formatNumber(row.load.joinsPerSecond, 0),
    ...columns.map((column) => formatSpread(spreadOf(row.results.map(column.value)), column.digits)),
    formatNumber(
      total(row, (result) => result.report.lost),
      0,
    ),
    payloads(row),
    flags(row).join(', ') || '-',
  ]);
  return table(header, cells);
}

/** The sum of a value over all runs of a row. */
export function total(row: Row, value: (result: FanOutResult) => number): number {
  return row.results.reduce((sum, result) => sum + value(result), 0);
}

function payloads(row: Row): string {
  const different = total(row, (result) => result.report.hashDifferent);
  const checked = total(row, (result) => result.report.hashChecked);
  return different === 0 && checked > 0
    ? `${formatNumber(checked, 0)} same`
    : `${different} of ${checked} differ`;
}

/** What a reader has to know before trusting a row. */
function flags(row: Row): string[] {
  const any = (test: (result: FanOutResult) => boolean): boolean => row.results.some(test);
  const conditions: [string, boolean][] = [
    ['client at its limit', any((result) => result.report.cpuPercent > clientCpuPercentMax)],
    ['server saturated', any((result) => result.cpuPercent > serverCpuPercentMax)],
    ['frames missing', any((result) => framesShare(result.report) < framesShareMin)],
    ['viewers missing', any((result) => result.report.joined < result.report.viewers)],
    ['viewers dropped', any((result) => result.report.closed > 0)],
    ['frames repeated', any((result) => result.report.duplicated > 0)],
    ['publisher late', any((result) => result.publisherLateMsMax > 100)],
  ];
  return conditions.flatMap(([name, holds]) => (holds ? [name] : []));
}

/** Video frames received ÷ frames the source sent in the window to all viewers. */
export function framesShare(report: ViewerReport): number {
  return report.frames / (report.viewers * report.seconds * sourceFramesPerSecond);
}

/** What the columns mean, and each server's conditions. */
export function notes(rows: readonly Row[]): string {
  const byPeer = Map.groupBy(rows, ({ peer }) => peer);
  const lines = [...byPeer].map(([peer, of]) => {
    const processes = Math.max(...of.flatMap(({ results }) => results.map((result) => result.processes)));
    return `- ${peer.name}: ${processes} process(es); ${peer.conditions}`;
  });
  return [
    'CPU: whole process tree, percent of one core. Latency: video frames, from the stamp set when the frame was sent',
    'to its last byte at the viewer (audio apart). Join: connect to first whole key frame. KB: growth of the tree’s resident',
    'memory. Lost: by sequence, all viewers, whole run. Payloads: frames of 8 sampled viewers against the source.',
    `Flags: the client is at its limit over ${clientCpuPercentMax} % of its core (core 1 has the publisher too), the ` +
      `server over ${serverCpuPercentMax} %.`,
    ...lines,
  ].join('\n');
}
