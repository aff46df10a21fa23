import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { FixturePublisher } from './fixture-publisher.ts';
import { FlvViewer } from './flv-viewer.ts';
import { Gala } from './gala.ts';
import { StalledViewers } from './stalled-viewers.ts';
import { waitFor } from './wait.ts';

export interface CrowdOptions {
  readonly stalled: number;
  readonly healthy: number;
  /** How long the healthy ones are watched alone, and how long beside the stalled ones. */
  readonly aloneMs: number;
  readonly besideMs: number;
}

/** What stalled viewers cost, and what healthy ones noticed of them. */
export interface CrowdResult {
  /** Lateness of the healthy viewers' pictures, 99 of 100 at most this much. */
  readonly p99MsAlone: number;
  readonly p99MsBeside: number;
  /** Growth of the media process over its largest size while there were no stalled viewers. */
  readonly grownBytesMax: number;
  readonly evicted: number;
  /** Most viewers that the edge had at a time. */
  readonly viewersMax: number;
  /** Healthy viewers whose connection ended. */
  readonly ended: number;
  readonly backwardSteps: number;
}

/** About 2 Mbps. */
const fillerBytes = 9_500;
const sampleMs = 500;
/**
 * Longer than it takes to be evicted: until the kernel's buffers are full (`tcp_wmem` allows 4 MB, 16 s of this
 * stream), until the backlog is over its bounds, and `edge.slowEvictMs`.
 */
const lifeMs = 32_000;

/** Runs one broadcast with healthy `realtime` viewers, first alone, then beside stalled ones. */
export async function measureStalledCrowd(options: CrowdOptions): Promise<CrowdResult> {
  await using gala = await Gala.start();
  const host = await gala.createHost('crowded');
  const { rtmpUrl } = gala;
  await using _publisher = await FixturePublisher.start({ rtmpUrl, streamKey: host.streamKey, fillerBytes });
  await waitFor(() => gala.anyone.enterRoom({ roomRef: '@crowded' }).catch(() => undefined), {
    what: 'a room',
  });
  await using viewers = new AsyncDisposableStack();
  const healthy: FlvViewer[] = [];
  for (let index = 0; index < options.healthy; index++) {
    const url = `${gala.liveUrl}/live/@crowded.flv?latency=realtime`;
    healthy.push(viewers.use(await FlvViewer.open(url)));
  }
  const pid = await gala.pidOf('media');
  const startedAtMs = performance.now();
  const before = await watch(gala, { pid, durationMs: options.aloneMs });
  const stalledAtMs = performance.now();
  const port = Number(new URL(gala.liveUrl).port);
  using _stalled = new StalledViewers({ port, path: '/live/@crowded.flv', count: options.stalled, lifeMs });
  const during = await watch(gala, { pid, durationMs: options.besideMs });
  const endedAtMs = performance.now();
  return {
    p99MsAlone: p99Ms(healthy, startedAtMs, stalledAtMs),
    p99MsBeside: p99Ms(healthy, stalledAtMs, endedAtMs),
    grownBytesMax: during.rssBytesMax - before.rssBytesMax,
    evicted: await gala.metric('gala_edge_viewers_evicted_total'),
    viewersMax: during.viewersMax,
    ended: healthy.filter(({ isEnded }) => isEnded).length,
    backwardSteps: healthy.reduce((sum, { backwardSteps }) => sum + backwardSteps, 0),
  };
}

async function watch(gala: Gala, { pid, durationMs }: { pid: number; durationMs: number }) {
  const endsAtMs = performance.now() + durationMs;
  let rssBytesMax = 0;
  let viewersMax = 0;
  while (performance.now() < endsAtMs) {
    await delay(sampleMs);
    rssBytesMax = Math.max(rssBytesMax, rssBytes(pid));
    viewersMax = Math.max(viewersMax, await gala.metric('gala_edge_viewers'));
  }
  return { rssBytesMax, viewersMax };
}

function rssBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

/** Lateness against each viewer's most punctual picture of the whole run, so that both phases have one measure. */
function p99Ms(viewers: readonly FlvViewer[], fromMs: number, toMs: number): number {
  const late = viewers.flatMap(({ pictures }) => {
    const all = pictures.map(({ atMs, timestampMs }) => ({ atMs, lateMs: atMs - timestampMs }));
    const punctualMs = Math.min(...all.map(({ lateMs }) => lateMs));
    const within = all.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
    return within.map(({ lateMs }) => lateMs - punctualMs);
  });
  return late.toSorted((a, b) => a - b)[Math.floor(late.length * 0.99)] ?? Infinity;
}
