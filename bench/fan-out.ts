/** One measured run of one server: publish, watch with N viewers, sample the server's tree over the same window. */
import { view, startPublisher } from './load.ts';
import type { Load, ViewerReport } from './load.ts';
import { cpuPercent, sampleTree } from './measure.ts';
import type { TreeSample } from './measure.ts';
import type { Peer, RunningPeer } from './peers/peer.ts';

/** The load of a run; the same for every server. */
export interface FanOutLoad {
  readonly viewers: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly joinsPerSecond: number;
  readonly segmentBytes: number;
  readonly hashSample: number;
  /** Crowds of the same size that come and go before the measured one: a server on air is no server just started. */
  readonly rehearsals?: number;
}

/** Where the load comes from: compiled programs and the source they publish. */
export interface FanOutTools {
  readonly load: Load;
  readonly source: string;
}

/** What one run found. */
export interface FanOutResult {
  readonly report: ViewerReport;
  /** CPU of the server's whole tree, percent of one core. */
  readonly cpuPercent: number;
  /** Viewers ÷ CPU share: how many one core would serve if cost grew evenly. */
  readonly viewersPerCore: number;
  /** Growth of the tree's resident memory ÷ viewers. */
  readonly rssBytesPerViewer: number;
  /** The longest the publisher was behind its schedule. */
  readonly publisherLateMsMax: number;
  readonly processes: number;
}

/** One viewer for a second: enough to see whether frames arrive. */
const probe: FanOutLoad = {
  viewers: 1,
  joinsPerSecond: 1,
  warmUpSeconds: 0.2,
  seconds: 1,
  segmentBytes: 0,
  hashSample: 0,
};
const probeTries = 20;

/** Starts the server afresh, measures it and stops it again. */
export async function measureFanOut(peer: Peer, load: FanOutLoad, tools: FanOutTools): Promise<FanOutResult> {
  const server = await peer.start();
  try {
    const publisher = server.publish && (await startPublisher(tools.load, tools.source, server.publish));
    try {
      await untilOnAir(server, tools);
      for (let count = 0; count < (load.rehearsals ?? 0); count++) await rehearse(server, load, tools);
      const result = await measureViewers(server, load, tools);
      await publisher?.stop();
      const lateMsMax = publisher === undefined ? 0 : publisherLateMsMax(publisher.output());
      return { ...result, publisherLateMsMax: lateMsMax };
    } finally {
      await publisher?.stop();
    }
  } finally {
    await server.stop();
  }
}

/** A single viewer asks until it gets frames, so that the memory baseline is that of a server on air. */
async function untilOnAir(server: RunningPeer, tools: FanOutTools): Promise<void> {
  for (let attempt = 0; attempt < probeTries; attempt++) {
    const report = await view(tools.load, { ...probe, target: server.play, source: tools.source });
    if (report.frames > 0) return;
  }
  throw new Error('the stream never reached a viewer');
}

async function rehearse(server: RunningPeer, load: FanOutLoad, tools: FanOutTools): Promise<void> {
  await view(tools.load, {
    ...load,
    warmUpSeconds: 1,
    seconds: 1,
    target: server.play,
    source: tools.source,
  });
}

async function measureViewers(
  server: RunningPeer,
  load: FanOutLoad,
  tools: FanOutTools,
): Promise<Omit<FanOutResult, 'publisherLateMsMax'>> {
  const window: TreeSample[] = [];
  const sample = (): number => window.push(sampleTree(server.pid));
  const before = sampleTree(server.pid);
  const report = await view(tools.load, {
    ...load,
    target: server.play,
    source: tools.source,
    onMeasuring: sample,
    onMeasured: sample,
  });
  const [from, to] = window;
  if (from === undefined || to === undefined) throw new Error('the viewers marked no measuring window');
  const percent = cpuPercent(from, to);
  return {
    report,
    cpuPercent: percent,
    viewersPerCore: (report.joined - report.closed) / (percent / 100),
    rssBytesPerViewer: (to.rssBytes - before.rssBytes) / load.viewers,
    processes: to.processes,
  };
}

function publisherLateMsMax(output: string): number {
  if (output === '')
    throw new Error('the publisher ended before the run did: the server closed its connection');
  const { lateMsMax } = JSON.parse(output) as { lateMsMax: number };
  return lateMsMax;
}
