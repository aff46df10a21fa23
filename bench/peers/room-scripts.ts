/** Room servers that are a script of ours on a library: lib/websocket alone, Socket.IO, ws. */
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { freePort, serverCore, startChild } from '../process.ts';
import type { OfferTarget, RoomPeer, RunningRoom, ViewTarget } from './room-peer.ts';

const require = createRequire(import.meta.url);
const versionOf = (name: string): string => (require(`${name}/package.json`) as { version: string }).version;
const onNode = `on Node ${process.versions.node}, NODE_ENV=production, one process`;

interface Script {
  readonly name: string;
  readonly args: readonly string[];
  readonly view: Omit<ViewTarget, 'port'>;
  readonly offer: Omit<OfferTarget, 'port'>;
}

async function startScript({ name, args, view, offer }: Script): Promise<RunningRoom> {
  const port = await freePort();
  const file = join(import.meta.dirname, '..', 'room-servers', `${name}.ts`);
  const child = startChild(process.execPath, [file, String(port), ...args], {
    core: serverCore,
    env: { ...process.env, NODE_ENV: 'production' },
  });
  await child.line(/^listening$/, 15_000);
  return { pid: child.pid, view: { port, ...view }, offer: { port, ...offer }, stop: () => child.stop() };
}

/** lib/websocket with nothing around it. */
export function frames(windowMs: number): RoomPeer {
  return {
    name: `lib/websocket, ${windowMs} ms`,
    conditions: `the frames of Gala without its rooms, ${onNode}; TCP_NODELAY; windows of ${windowMs} ms`,
    start: () =>
      startScript({
        name: 'frames',
        args: [String(windowMs)],
        view: { path: '/' },
        offer: { path: '/offer', template: '{message}' },
      }),
  };
}

/** Socket.IO with its rooms. */
export function socketIo(): RoomPeer {
  const path = '/socket.io/?EIO=4&transport=websocket';
  return {
    name: 'Socket.IO',
    conditions: `socket.io ${versionOf('socket.io')} ${onNode}; WebSocket alone, its default parser and no deflate (its default)`,
    start: () =>
      startScript({
        name: 'socket-io',
        args: [],
        view: { path: `${path}&role=viewer`, socketIo: true },
        offer: { path, template: '42["say","{message}"]', ready: '40{' },
      }),
  };
}

/** ws with a loop. */
export function ws(): RoomPeer {
  return {
    name: 'ws',
    conditions: `ws ${versionOf('ws')} ${onNode}; send() to each viewer, no deflate (its default)`,
    start: () =>
      startScript({
        name: 'ws',
        args: [],
        view: { path: '/' },
        offer: { path: '/offer', template: '{message}' },
      }),
  };
}
