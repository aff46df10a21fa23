/** node-media-server on the same Node as Gala, played over HTTP-FLV. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { temporaryFolder } from '../cache.ts';
import { freePort, serverCore, startChild } from '../process.ts';
import type { Peer, RunningPeer } from './peer.ts';

const packageFile = createRequire(import.meta.url).resolve('node-media-server/package.json');
const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };
const secret = 'bench-secret';

/** Its own command line, with publish and play signatures, statistics and logs on as Gala has them on. */
export function nodeMediaServer(): Peer {
  return {
    name: 'node-media-server',
    conditions:
      `node-media-server ${version} on Node ${process.versions.node}, NODE_ENV=production, signed publish and play, ` +
      'statistics and log on; node:http sets TCP_NODELAY and sends the body chunked',
    start,
  };
}

async function start(): Promise<RunningPeer> {
  const folder = await temporaryFolder('nms');
  const [port, httpPort] = [await freePort(), await freePort()];
  const config = join(folder, 'config.json');
  await writeFile(config, JSON.stringify(configuration(port, httpPort)));
  const child = startChild(
    process.execPath,
    [join(dirname(packageFile), 'bin', 'app.js'), '--config', config],
    {
      core: serverCore,
      env: { ...process.env, NODE_ENV: 'production' },
      log: join(folder, 'server.log'),
    },
  );
  const stop = async (): Promise<void> => {
    await child.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await child.line(/Rtmp Server listening/, 15_000);
  } catch (error) {
    await stop();
    throw error;
  }
  const key = `bench?sign=${signature('/live/bench')}`;
  const path = `/live/bench.flv?sign=${signature('/live/bench')}`;
  const play = { protocol: 'http-flv', port: httpPort, path, tls: false } as const;
  return { pid: child.pid, publish: { port, app: 'live', key }, play, stop };
}

function configuration(port: number, httpPort: number): object {
  return {
    bind: '127.0.0.1',
    store: { path: './store' },
    auth: { play: true, publish: true, secret },
    rtmp: { port },
    http: { port: httpPort },
    webadmin: { enable: false },
    record: { auto: false, path: './record' },
  };
}

/** `<expiry>-<md5 of path-expiry-secret>`, as its documentation says. */
function signature(path: string): string {
  const expiry = Math.floor(Date.now() / 1000) + 86_400;
  return `${expiry}-${createHash('md5').update(`${path}-${expiry}-${secret}`).digest('hex')}`;
}
