/** The bare C send loop: no ingest, no accounts, no logs; the same byte schedule. The physical limit. */
import { join } from 'node:path';

import type { Load } from '../load.ts';
import { freePort, serverCore, startChild } from '../process.ts';
import type { Peer } from './peer.ts';

/** When the loop writes: each frame at once, each video frame with the audio before it, or all frames of a tick. */
export type Schedule = 'frame' | 'video-frame' | 100 | 350;

/** The send loop with one schedule. */
export function sendLoop(load: Load, source: string, schedule: Schedule): Peer {
  const tickMs = typeof schedule === 'number' ? schedule : 0;
  return {
    name: `C send loop, ${typeof schedule === 'number' ? `${schedule} ms` : `per ${schedule}`}`,
    conditions: 'bench/load/send-loop.c, cc -O2, epoll; Nagle on (kernel default)',
    start: async () => {
      const port = await freePort();
      const args = ['--source', source, '--port', String(port), '--tick-ms', String(tickMs)];
      if (schedule === 'video-frame') args.push('--with-video');
      const child = startChild(join(load.folder, 'send-loop'), args, { core: serverCore });
      await child.line(/^listening$/, 10_000);
      const play = { protocol: 'http-flv', port, path: '/live/bench.flv', tls: false } as const;
      return { pid: child.pid, play, stop: () => child.stop() };
    },
  };
}
