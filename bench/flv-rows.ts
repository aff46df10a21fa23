/** The servers that `flv` measures, and how many viewers each gets. */
import type { FanOutLoad, FanOutResult, FanOutTools } from './fan-out.ts';
import { gala } from './peers/gala.ts';
import { nginxRtmp } from './peers/nginx-rtmp.ts';
import { nodeMediaServer } from './peers/node-media-server.ts';
import type { Peer } from './peers/peer.ts';
import { sendLoop } from './peers/send-loop.ts';

/** One server under one load, with the result of each of its runs. */
export interface Row {
  readonly id: string;
  readonly peer: Peer;
  readonly load: FanOutLoad;
  readonly results: FanOutResult[];
}

/** Rows by how many times the viewers of the smallest they have; the id of a larger one ends in `-4x`, `-10x`. */
const rowsByFactor: Readonly<Record<number, readonly string[]>> = {
  1: [
    'gala-realtime',
    'gala-low',
    'gala-economy',
    'gala-low-tls',
    'node-media-server',
    'nginx-rtmp',
    'send-loop-frame',
    'send-loop-video-frame',
    'send-loop-100',
    'send-loop-350',
  ],
  2: ['gala-realtime', 'send-loop-video-frame'],
  // node-media-server is left out from here on: the smallest row fills half its core.
  4: [
    'gala-realtime',
    'gala-low',
    'gala-economy',
    'nginx-rtmp',
    'send-loop-video-frame',
    'send-loop-100',
    'send-loop-350',
  ],
  10: ['gala-low', 'gala-economy', 'nginx-rtmp', 'send-loop-100', 'send-loop-350'],
};

/** Everybody comes within two seconds (2,500 joins/s to 5,000 viewers), the third time; what counts is the first picture. */
const joinRows = ['gala-low', 'send-loop-100'];
const joinFactor = { viewers: 5, perSecond: 2.5 };

/** All rows; `load` is that of the smallest. */
export function allRows(tools: FanOutTools, load: FanOutLoad): Row[] {
  const peers = allPeers(tools);
  if (!tools.load.tls) console.log('no OpenSSL headers (libssl-dev): the TLS row is left out');
  const row = (id: string, name: string, changes: Partial<FanOutLoad>): Row[] => {
    const peer = peers[name];
    return peer ? [{ id, peer, load: { ...load, ...changes }, results: [] }] : [];
  };
  const bySize = Object.entries(rowsByFactor).flatMap(([text, names]) => {
    const factor = Number(text);
    const viewers = load.viewers * factor;
    const joinsPerSecond = Math.max(load.joinsPerSecond, viewers / 10);
    return names.flatMap((name) =>
      row(factor === 1 ? name : `${name}-${factor}x`, name, { viewers, joinsPerSecond }),
    );
  });
  const joins = {
    viewers: load.viewers * joinFactor.viewers,
    joinsPerSecond: load.viewers * joinFactor.perSecond,
    rehearsals: 2,
  };
  return [...bySize, ...joinRows.flatMap((name) => row(`${name}-joins`, name, joins))];
}

function allPeers(tools: FanOutTools): Readonly<Record<string, Peer | undefined>> {
  return {
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
}

/** The rows that are asked for: by id, by the end of ids after the last hyphen (`4x`, `10x`, `joins`), or all. */
export function pickRows(rows: readonly Row[], only: readonly string[]): Row[] {
  const matches = (row: Row, name: string): boolean =>
    row.id === name || (/^(\d+x|joins)$/.test(name) && row.id.endsWith(`-${name}`));
  const unknown = only.filter((name) => !rows.some((row) => matches(row, name)));
  if (unknown.length > 0) {
    throw new Error(`--only: no row ${unknown.join(', ')}; rows: ${rows.map((row) => row.id).join(', ')}`);
  }
  return rows.filter((row) => only.length === 0 || only.some((name) => matches(row, name)));
}
