/** The servers that `signal` measures, how many viewers each gets, and how much is said to them. */
import type { Load, ViewerReport } from './load.ts';
import { cpuPercent, sampleTree, type TreeSample } from './measure.ts';
import { galaRoom } from './peers/gala-room.ts';
import { nchan } from './peers/nchan.ts';
import type { RoomPeer, RunningRoom } from './peers/room-peer.ts';
import { frames, socketIo, ws } from './peers/room-scripts.ts';
import { startOffering, viewRoom, type OfferReport } from './room-load.ts';

/** What is said to how many, and for how long. */
export interface RoomRun {
  readonly viewers: number;
  /** Messages a second that are offered; 0 leaves the connections idle. */
  readonly perSecond: number;
  readonly senders: number;
  readonly messageBytes: number;
  readonly joinsPerSecond: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

export interface RoomResult {
  readonly report: ViewerReport;
  readonly offered: OfferReport | undefined;
  /** CPU of the server's whole tree, percent of one core. */
  readonly cpuPercent: number;
  /** Messages received by viewers in a second. */
  readonly deliveriesPerSecond: number;
  /** The same ÷ CPU share. */
  readonly deliveriesPerCore: number;
  /** Growth of the tree's resident memory ÷ connections. */
  readonly rssBytesPerViewer: number;
  readonly processes: number;
}

/** One server under one load, with the result of each of its runs. */
export interface RoomRow {
  readonly id: string;
  readonly peer: RoomPeer;
  readonly run: RoomRun;
  readonly results: RoomResult[];
}

/** Sizes of rooms by their name in the ids of rows. */
export const roomSizes = { '10': 10, '1k': 1000, '10k': 10_000, '19k': 19_000 } as const;
type RoomSize = keyof typeof roomSizes;

/**
 * Messages a second by server and size: what fills about half of its core, so that each is measured where it works
 * well. Peers write each message at once, so theirs are fewer; a room of Gala shows its host's lines up to 200 a
 * second.
 */
const rates: Readonly<Record<string, Partial<Record<RoomSize, number>>>> = {
  gala: { '10': 20, '19k': 20 },
  'gala-100ms': { '1k': 180, '10k': 180 },
  'gala-tls': { '1k': 180 },
  'gala-deflate': { '1k': 180 },
  frames: { '1k': 1000, '10k': 200 },
  ws: { '1k': 40, '10k': 4 },
  'socket-io': { '1k': 20, '10k': 2 },
  nchan: { '1k': 60, '10k': 6 },
};
/** Servers whose connections are held without a word, for their memory. */
const idle = ['gala', 'frames', 'ws', 'socket-io', 'nchan'];
/** The rate of the rows that show how latency grows with the room. */
export const steadyPerSecond = 20;

const windowMs = 100;

const peers: Readonly<Record<string, RoomPeer>> = {
  gala: galaRoom(),
  'gala-100ms': galaRoom({ tickMs: windowMs }),
  'gala-tls': galaRoom({ tls: true, tickMs: windowMs }),
  'gala-deflate': galaRoom({ deflate: true, tickMs: windowMs }),
  frames: frames(windowMs),
  ws: ws(),
  'socket-io': socketIo(),
  nchan: nchan(),
};

interface RowTraits {
  readonly peer: string;
  readonly size: RoomSize;
  readonly perSecond: number;
}

/** All rows; `base` says what they have in common, and `scale` makes rooms smaller. */
export function allRows(base: Omit<RoomRun, 'viewers' | 'perSecond'>, scale: number): RoomRow[] {
  const row = (id: string, { peer, size, perSecond }: RowTraits): RoomRow => {
    const viewers = Math.max(10, Math.round(roomSizes[size] * scale));
    const joinsPerSecond = Math.max(base.joinsPerSecond, viewers / 10);
    return { id, peer: peers[peer], run: { ...base, viewers, perSecond, joinsPerSecond }, results: [] };
  };
  const busy = Object.entries(rates).flatMap(([peer, bySize]) =>
    Object.entries(bySize).map(([size, rate]) =>
      row(`${peer}-${size}`, { peer, size: size as RoomSize, perSecond: rate }),
    ),
  );
  const steady = row('gala-1k-steady', { peer: 'gala', size: '1k', perSecond: steadyPerSecond });
  return [...busy, steady, ...idle.map((peer) => row(`${peer}-idle`, { peer, size: '19k', perSecond: 0 }))];
}

/** The rows that are asked for by id, or all. */
export function pickRows(rows: readonly RoomRow[], only: readonly string[]): RoomRow[] {
  const unknown = only.filter((name) => !rows.some(({ id }) => id === name));
  if (unknown.length > 0) {
    throw new Error(`--only: no row ${unknown.join(', ')}; rows: ${rows.map(({ id }) => id).join(', ')}`);
  }
  return rows.filter(({ id }) => only.length === 0 || only.includes(id));
}

/** Starts the server afresh, measures it and stops it again. */
export async function measureRoom({ peer, run }: RoomRow, load: Load): Promise<RoomResult> {
  const server = await peer.start();
  try {
    return await measureRunning(server, run, load);
  } finally {
    await server.stop();
  }
}

async function measureRunning(server: RunningRoom, run: RoomRun, load: Load): Promise<RoomResult> {
  const window: TreeSample[] = [];
  const sample = (): void => void window.push(sampleTree(server.pid));
  const before = sampleTree(server.pid);
  const { senders: connections, perSecond, messageBytes } = run;
  const offering =
    perSecond > 0
      ? await startOffering(load, server.offer, { connections, perSecond, messageBytes })
      : undefined;
  const report = await viewRoom(load, {
    ...run,
    target: server.view,
    onMeasuring: sample,
    onMeasured: sample,
  });
  const offered = await offering?.stop();
  const [from, to] = window;
  if (from === undefined || to === undefined) throw new Error('the viewers marked no measuring window');
  return { report, offered, ...figuresOf({ report, before, from, to }) };
}

interface Measured {
  readonly report: ViewerReport;
  readonly before: TreeSample;
  readonly from: TreeSample;
  readonly to: TreeSample;
}

/** What a run found, out of what viewers counted and what the server's tree took. */
export function figuresOf({ report, before, from, to }: Measured): Omit<RoomResult, 'report' | 'offered'> {
  const percent = cpuPercent(from, to);
  const deliveriesPerSecond = report.frames / report.seconds;
  return {
    cpuPercent: percent,
    deliveriesPerSecond,
    deliveriesPerCore: percent > 0 ? deliveriesPerSecond / (percent / 100) : 0,
    rssBytesPerViewer: (to.rssBytes - before.rssBytes) / report.viewers,
    processes: to.processes,
  };
}
