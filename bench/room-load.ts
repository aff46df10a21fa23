/** The load of a room: viewers and those who say something (`bench/load/ws-view.c`, `ws-offer.c`). */
import { join } from 'node:path';

import { clientProcesses, optionArgs, type Load, type ViewerReport } from './load.ts';
import type { OfferTarget, SocketTarget, ViewTarget } from './peers/room-peer.ts';
import { loadCore, startChild, type Child } from './process.ts';

export interface RoomViewOptions {
  readonly target: ViewTarget;
  readonly viewers: number;
  readonly joinsPerSecond: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** All viewers have been begun: the warm-up follows. */
  readonly onJoined?: () => void;
  readonly onMeasuring: () => void;
  readonly onMeasured: () => void;
}

/**
 * Runs viewers to the end of their window. In the report a frame is a message received by a viewer; a lost or
 * repeated one is out of the sequence of its sender.
 */
export async function viewRoom(load: Load, options: RoomViewOptions): Promise<ViewerReport> {
  const { target, viewers, joinsPerSecond, warmUpSeconds, seconds } = options;
  const numbers = {
    viewers,
    processes: clientProcesses(viewers),
    'joins-per-second': joinsPerSecond,
    'warm-up': warmUpSeconds,
    seconds,
    addresses: 32,
  };
  const args = [...socketArgs(target), ...optionArgs(numbers), ...(target.socketIo ? ['--socket-io'] : [])];
  const child = startChild(join(load.folder, 'ws-view'), args, { core: loadCore });
  const windowMs = (viewers / joinsPerSecond + warmUpSeconds + seconds + 30) * 1000;
  try {
    await child.line(/^joined$/, windowMs);
    options.onJoined?.();
    await child.line(/^measuring$/, windowMs);
    options.onMeasuring();
    await child.line(/^measured$/, windowMs);
    options.onMeasured();
    await child.exited;
  } finally {
    await child.stop();
  }
  return JSON.parse(child.output()) as ViewerReport;
}

/** What `ws-offer` prints. */
export interface OfferReport {
  readonly sent: number;
  readonly accepted: number;
  readonly refused: number;
  /** The longest that a message was sent behind its schedule. */
  readonly lateMsMax: number;
}

export interface OfferOptions {
  readonly connections: number;
  readonly perSecond: number;
  readonly messageBytes: number;
}

/** Begins to offer messages; `stop` answers what was sent. */
export async function startOffering(
  load: Load,
  target: OfferTarget,
  options: OfferOptions,
): Promise<{ stop(): Promise<OfferReport> }> {
  const { template, ready = '', accepted = '', refused = '' } = target;
  const pairs = {
    connections: options.connections,
    rate: options.perSecond,
    bytes: options.messageBytes,
    template,
    ready,
    accepted,
    refused,
  };
  const args = [...socketArgs(target), ...optionArgs(pairs)];
  const child: Child = startChild(join(load.folder, 'ws-offer'), args, { core: loadCore });
  await child.line(/^offering$/, 15_000);
  return {
    stop: async () => {
      await child.stop();
      return JSON.parse(child.output()) as OfferReport;
    },
  };
}

/** How the load programs are told where to. */
export function socketArgs({
  port,
  path,
  tls,
  subprotocol = '',
  deflate,
  hellos = '',
}: SocketTarget): string[] {
  const pairs = { port, path, protocol: subprotocol, hellos };
  return [...optionArgs(pairs), ...(tls ? ['--tls'] : []), ...(deflate ? ['--deflate'] : [])];
}
