import { once } from 'node:events';
import { connect } from 'node:net';
import type { Settings } from '../config/index.ts';
import type { Probe } from '../probe/index.ts';
import { cacheSection } from './config.ts';

const timeoutMs = 1500;

/** Of each node of each cluster of Memcached. */
export function cacheProbes(settings: Settings): Probe[] {
  return settings.get(cacheSection).clusters.flatMap(({ name, nodes }) =>
    nodes.map((address) => ({
      engine: 'memcached',
      feature: `cached values, cluster ${name}`,
      address,
      ask: () => askVersion(address),
    })),
  );
}

/** `version` of the text protocol (memcached, doc/protocol.txt). */
async function askVersion(address: string): Promise<string> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  const socket = connect({ host, port: Number(address.slice(colon + 1)), timeout: timeoutMs });
  try {
    socket.once('timeout', () => socket.destroy(new Error('no answer')));
    socket.write('version\r\n');
    const [data] = (await once(socket, 'data')) as [Buffer];
    return /^VERSION (\S+)/.exec(data.toString())?.[1] ?? 'it answers';
  } finally {
    socket.destroy();
  }
}
