/** Gala, played over HTTP-FLV. */
import { GalaProcess, type GalaProcessOptions } from './gala-process.ts';
import type { Peer, RunningPeer } from './peer.ts';

/** How frames are batched for viewers: per frame, 100 ms, 350 ms. */
export type Latency = 'realtime' | 'low' | 'economy';

/** Gala at one latency, over HTTP or HTTPS. */
export function gala(latency: Latency, options: GalaProcessOptions = { tls: false }): Peer {
  return {
    name: `Gala ${latency}${options.tls ? ', TLS' : ''}`,
    conditions:
      `Node ${process.versions.node}, default placement (all roles and PostgreSQL in the measured tree), stream key, ` +
      'logs and metrics on; Nagle on (kernel default)',
    start: () => start(latency, options),
  };
}

async function start(latency: Latency, options: GalaProcessOptions): Promise<RunningPeer> {
  const server = await GalaProcess.start(options);
  try {
    const { pid, dataFolder, ports, stop } = server;
    const key = await server.createHost();
    const path = `/live/@bench.flv?latency=${latency}`;
    const play = { protocol: 'http-flv', port: ports.live, path, tls: options.tls } as const;
    return { pid, publish: { port: ports.rtmp, app: 'live', key }, play, dataFolder, stop };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
