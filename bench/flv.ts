/**
 * Promise bench: HTTP-FLV fan-out of one 720p30 stream. Gala at its three latencies and over TLS, beside
 * node-media-server (same Node), Debian's nginx-rtmp and a bare C send loop of the same byte schedule.
 */
import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { parseArgs } from 'node:util';

import { measureFanOut } from './fan-out.ts';
import type { FanOutLoad, FanOutResult, FanOutTools } from './fan-out.ts';
import { buildLoad } from './load.ts';
import type { ViewerReport } from './load.ts';
import { formatNumber, formatSpread, spreadOf, table } from './measure.ts';
import { gala } from './peers/gala.ts';
import { nginxRtmp } from './peers/nginx-rtmp.ts';
import { nodeMediaServer } from './peers/node-media-server.ts';
import type { Peer } from './peers/peer.ts';
import { sendLoop } from './peers/send-loop.ts';
import { sourceFlv, sourceFramesPerSecond } from './source.ts';

/** Above this share of its core the client, not the server, may be what is measured. */
const clientCpuPercentMax = 85;
/** Above this share the server has no room left, so its latency and losses say little. */
const serverCpuPercentMax = 97;

/** A stream that stalls loses nothing by sequence, so frames are counted against the clock too. */
const framesShareMin = 0.98;

/** Viewers per core of one row over another's, at least. */
interface RatioPromise {
  readonly row: string;
  readonly beside: string;
  readonly ratioMin: number;
}

const promises: readonly RatioPromise[] = [
  { row: 'gala-realtime', beside: 'node-media-server', ratioMin: 3 },
  { row: 'gala-low', beside: 'send-loop-100', ratioMin: 0.5 },
];

/** One server of the bench with the result of each of its runs. */
interface Row {
  readonly id: string;
  readonly peer: Peer;
  readonly results: FanOutResult[];
}

interface Settings {
  readonly load: FanOutLoad;
  readonly runs: number;
  readonly quick: boolean;
  readonly only: readonly string[];
}

const usage = `npm run bench -- flv [options]
  --viewers N           viewers of each server (1000; quick: 100)
  --seconds N           measuring window (30; quick: 5)
  --warm-up N           seconds after the last join and before the window (10; quick: 3)
  --runs N              interleaved runs, of which the median counts (3; quick: 1)
  --joins-per-second N  how fast viewers arrive (500)
  --segment-bytes N     TCP_MAXSEG of viewers; 1448 cuts segments as Ethernet does, 0 leaves loopback's 64 KB (1448)
  --only a,b            only these rows
  --quick               small load; ratios are shown but not judged`;

/** Runs the bench and answers the exit code: 1 when a promise is broken, a frame lost or a payload changed. */
export async function main(args: readonly string[]): Promise<number> {
  const settings = readSettings(args);
  if (settings === undefined) {
    console.log(usage);
    return 0;
  }
  const tools = { load: await buildLoad(), source: await sourceFlv() };
  const rows = pickRows(allRows(tools), settings.only);
  for (let run = 1; run <= settings.runs; run++) {
    for (const row of rows) await measureRow(row, { run, settings, tools });
  }
  console.log(`\n${describe(settings)}\n\n${resultTable(rows, settings)}\n\n${notes(rows)}\n`);
  const verdicts = [...ratioVerdicts(rows), ...integrityVerdicts(rows)];
  for (const verdict of verdicts) console.log(verdict.text);
  if (settings.quick) console.log('quick: nothing above is judged, the load is too small');
  return !settings.quick && verdicts.some((verdict) => verdict.broken) ? 1 : 0;
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
      viewers: number('viewers', 1000, 100),
      seconds: number('seconds', 30, 5),
      warmUpSeconds: number('warm-up', 10, 3),
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

function allRows(tools: FanOutTools): Row[] {
  const peers: Record<string, Peer> = {
    'gala-realtime': gala('realtime'),
    'gala-low': gala('low'),
    'gala-economy': gala('economy'),
    ...(tools.load.tls ? { 'gala-low-tls': gala('low', { tls: true }) } : {}),
    'node-media-server': nodeMediaServer(),
    'nginx-rtmp': nginxRtmp(),
    'send-loop-frame': sendLoop(tools.load, tools.source, 'frame'),
    'send-loop-video-frame': sendLoop(tools.load, tools.source, 'video-frame'),
    'send-loop-100': sendLoop(tools.load, tools.source, 100),
    'send-loop-350': sendLoop(tools.load, tools.source, 350),
  };
  if (!tools.load.tls) console.log('no OpenSSL headers (libssl-dev): the TLS row is left out');
  return Object.entries(peers).map(([id, peer]) => ({ id, peer, results: [] }));
}

function pickRows(rows: readonly Row[], only: readonly string[]): Row[] {
  const unknown = only.filter((id) => !rows.some((row) => row.id === id));
  if (unknown.length > 0) {
    throw new Error(`--only: no row ${unknown.join(', ')}; rows: ${rows.map((row) => row.id).join(', ')}`);
  }
  return rows.filter((row) => only.length === 0 || only.includes(row.id));
}

interface RunContext {
  readonly run: number;
  readonly settings: Settings;
  readonly tools: FanOutTools;
}

async function measureRow(row: Row, { run, settings, tools }: RunContext): Promise<void> {
  const result = await measureFanOut(row.peer, settings.load, tools);
  row.results.push(result);
  const { report } = result;
  console.log(
    `run ${run}/${settings.runs} ${row.peer.name}: CPU ${result.cpuPercent.toFixed(1)} %, ` +
      `p99 ${report.latencyMsP99.toFixed(1)} ms, joined ${report.joined}/${report.viewers}, lost ${report.lost}`,
  );
}

function describe(settings: Settings): string {
  const { load } = settings;
  const socketRead = (name: string): string =>
    readFileSync(`/proc/sys/net/ipv4/${name}`, 'utf8').trim().replaceAll('\t', ' ');
  const segments = load.segmentBytes > 0 ? `TCP_MAXSEG ${load.segmentBytes}` : '64 KB segments';
  return [
    `720p30 H.264 ~1 Mbps + AAC 128 kbps over RTMP, ${load.viewers} viewers at ${load.joinsPerSecond} joins/s, ` +
      `${load.warmUpSeconds} s warm-up + ${load.seconds} s, ${settings.runs} interleaved run(s), median (range).`,
    `Server tree on core 0, publisher and viewers (compiled C) on core 1 of ${cpus()[0]?.model ?? 'unknown'}; ` +
      `Linux ${release()}, Node ${process.versions.node}.`,
    `Loopback; viewers: ${segments}, default buffers; publisher: TCP_NODELAY, chunks of 65,536; ` +
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

function resultTable(rows: readonly Row[], settings: Settings): string {
  const header = ['server', 'viewers', ...columns.map((column) => column.name), 'lost', 'payloads', 'flags'];
  const cells = rows.map((row) => [
    row.peer.name,
    String(settings.load.viewers),
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

function total(row: Row, value: (result: FanOutResult) => number): number {
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
function framesShare(report: ViewerReport): number {
  return report.frames / (report.viewers * report.seconds * sourceFramesPerSecond);
}

function notes(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const processes = Math.max(...row.results.map((result) => result.processes));
    return `- ${row.peer.name}: ${processes} process(es); ${row.peer.conditions}`;
  });
  return [
    'CPU: whole process tree, percent of one core. Latency: video frames, from the stamp set when the frame was sent',
    'to its last byte at the viewer (audio apart). Join: connect to first whole key frame. KB: growth of the tree’s resident',
    'memory. Lost: by sequence, all viewers, whole run. Payloads: frames of 8 sampled viewers against the source.',
    ...lines,
  ].join('\n');
}

interface Verdict {
  readonly text: string;
  readonly broken: boolean;
}

function ratioVerdicts(rows: readonly Row[]): Verdict[] {
  return promises.map(({ row, beside, ratioMin }) => {
    const [own, other] = [viewersPerCore(rows, row), viewersPerCore(rows, beside)];
    const what = `${row} ÷ ${beside}, viewers per core (promised >= ${ratioMin})`;
    if (own === undefined || other === undefined) return { text: `not measured: ${what}`, broken: false };
    const ratio = own / other;
    const broken = ratio < ratioMin;
    return { text: `${broken ? 'BROKEN' : 'kept'}: ${what}: ${ratio.toFixed(2)}`, broken };
  });
}

function viewersPerCore(rows: readonly Row[], id: string): number | undefined {
  const row = rows.find((row) => row.id === id);
  return row && spreadOf(row.results.map((result) => result.viewersPerCore)).median;
}

/** Gala's own rows must lose nothing, change nothing and drop nobody. */
function integrityVerdicts(rows: readonly Row[]): Verdict[] {
  return rows.flatMap((row) => {
    if (!row.id.startsWith('gala')) return [];
    const harm = ({ report }: FanOutResult): number => {
      const { lost, duplicated, hashDifferent, closed, viewers, joined } = report;
      return lost + duplicated + hashDifferent + closed + (viewers - joined);
    };
    const stalled = ({ report }: FanOutResult): boolean =>
      report.hashChecked === 0 || framesShare(report) < framesShareMin;
    const broken = total(row, harm) > 0 || row.results.some(stalled);
    return [
      {
        text: `${broken ? 'BROKEN' : 'kept'}: ${row.id} delivers every frame unchanged to every viewer`,
        broken,
      },
    ];
  });
}
