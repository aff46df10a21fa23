/** Gala itself, started as an operator starts it: the `default` placement with every role running. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { temporaryFolder } from '../cache.ts';
import { certificate } from '../certificate.ts';
import { freePort, serverCore, startChild } from '../process.ts';
import type { Peer, RunningPeer } from './peer.ts';

const bootstrap = join(import.meta.dirname, '..', '..', 'cli', 'bootstrap.js');
const startMsMax = 120_000;

/** How frames are batched for viewers: per frame, 100 ms, 350 ms. */
export type Latency = 'realtime' | 'low' | 'economy';

/** Gala at one latency, over HTTP or HTTPS. */
export function gala(latency: Latency, options: { readonly tls: boolean } = { tls: false }): Peer {
  return {
    name: `Gala ${latency}${options.tls ? ', TLS' : ''}`,
    conditions:
      `Node ${process.versions.node}, default placement (all roles and PostgreSQL in the measured tree), stream key, ` +
      'logs and metrics on; Nagle on (kernel default)',
    start: () => start(latency, options.tls),
  };
}

interface Ports {
  readonly http: number;
  readonly live: number;
  readonly rtmp: number;
  readonly admin: number;
}

async function start(latency: Latency, tls: boolean): Promise<RunningPeer> {
  const folder = await temporaryFolder('gala');
  const data = join(folder, 'data');
  const ports = {
    http: await freePort(),
    live: await freePort(),
    rtmp: await freePort(),
    admin: await freePort(),
  };
  const child = startChild(process.execPath, [bootstrap, 'up', '--no-demo', '--data', data], {
    core: serverCore,
    env: {
      ...process.env,
      NODE_ENV: 'production',
      ...settings(ports, data),
      ...(tls ? await certificateSettings() : {}),
    },
    log: join(folder, 'server.log'),
  });
  const stop = async (): Promise<void> => {
    await child.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await child.line(/\bready https?:/, startMsMax);
    const key = await createHost(ports.http, data);
    const path = `/live/@bench.flv?latency=${latency}`;
    const play = { protocol: 'http-flv', port: ports.live, path, tls } as const;
    return { pid: child.pid, publish: { port: ports.rtmp, app: 'live', key }, play, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function settings(ports: Ports, data: string): Record<string, string> {
  return {
    GALA_HTTP_PORT: String(ports.http),
    GALA_LIVE_PORT: String(ports.live),
    GALA_RTMP_PORT: String(ports.rtmp),
    GALA_ADMIN_PORT: String(ports.admin),
    GALA_DATA: data,
  };
}

/** Answers the stream key of a new host `bench`. */
async function createHost(httpPort: number, data: string): Promise<string> {
  const token = (await readFile(join(data, 'admin.token'), 'utf8')).trim();
  const response = await fetch(`http://127.0.0.1:${httpPort}/v1/hosts`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'bench', password: 'bench-host-password' }),
  });
  if (response.status !== 201) throw new Error(`POST /v1/hosts: ${response.status} ${await response.text()}`);
  const { streamKey } = (await response.json()) as { streamKey: string };
  return streamKey;
}

async function certificateSettings(): Promise<Record<string, string>> {
  const path = await certificate();
  return { GALA_TLS_CERT: path, GALA_TLS_KEY: path };
}
