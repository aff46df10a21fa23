/** Gala itself, started as an operator starts it: the `default` placement with every role running. */
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { temporaryFolder } from '../cache.ts';
import { certificate } from '../certificate.ts';
import { freePort, serverCore, startChild, type CoreList } from '../process.ts';
import type { Peer, RunningPeer } from './peer.ts';

const bootstrap = join(import.meta.dirname, '..', '..', 'cli', 'bootstrap.js');
const startMsMax = 120_000;

/** How frames are batched for viewers: per frame, 100 ms, 350 ms. */
export type Latency = 'realtime' | 'low' | 'economy';

export interface GalaOptions {
  readonly tls: boolean;
  readonly core?: CoreList;
}

/** Gala at one latency, over HTTP or HTTPS. */
export function gala(latency: Latency, options: GalaOptions = { tls: false }): Peer {
  return {
    name: `Gala ${latency}${options.tls ? ', TLS' : ''}`,
    conditions:
      `Node ${process.versions.node}, default placement (all roles and PostgreSQL in the measured tree), stream key, ` +
      'logs and metrics on; Nagle on (kernel default)',
    start: () => start(latency, options),
  };
}

async function start(latency: Latency, { tls, core = serverCore }: GalaOptions): Promise<RunningPeer> {
  const folder = await temporaryFolder('gala');
  const ports = { live: await freePort(), rtmp: await freePort() };
  const pem = tls ? await certificate() : undefined;
  // Own folder, own settings: an operator's installation cannot leak into the figures.
  const child = startChild(process.execPath, [bootstrap, 'up', '--no-demo'], {
    core,
    cwd: folder,
    env: { ...foreignEnvironment(), ...(await settings(folder, ports)), ...tlsSettings(pem) },
    log: join(folder, 'server.log'),
  });
  const stop = async (): Promise<void> => {
    await child.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const ready = await child.line(/\bready https?:/, startMsMax);
    const origin = new URL(/https?:\S+/.exec(ready)?.[0] ?? '').origin;
    const key = await createHost({ origin, folder, pem });
    const path = `/live/@bench.flv?latency=${latency}`;
    const play = { protocol: 'http-flv', port: ports.live, path, tls } as const;
    const dataFolder = join(folder, 'data');
    return { pid: child.pid, publish: { port: ports.rtmp, app: 'live', key }, play, dataFolder, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function foreignEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('GALA_'));
  return { ...Object.fromEntries(kept), NODE_ENV: 'production' };
}

async function settings(
  folder: string,
  ports: { live: number; rtmp: number },
): Promise<Record<string, string>> {
  return {
    GALA_HTTP_PORT: String(await freePort()),
    GALA_LIVE_PORT: String(ports.live),
    GALA_RTMP_PORT: String(ports.rtmp),
    GALA_ADMIN_PORT: String(await freePort()),
    GALA_DATA: join(folder, 'data'),
  };
}

function tlsSettings(pem: string | undefined): Record<string, string> {
  return pem === undefined ? {} : { GALA_TLS_CERT: pem, GALA_TLS_KEY: pem };
}

interface NewHost {
  readonly origin: string;
  readonly folder: string;
  readonly pem: string | undefined;
}

/** Answers the stream key of a new host `bench`. */
async function createHost({ origin, folder, pem }: NewHost): Promise<string> {
  const token = (await readFile(join(folder, 'data', 'admin.token'), 'utf8')).trim();
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const trust = pem === undefined ? {} : { ca: await readFile(pem), servername: 'localhost' };
  const send = pem === undefined ? http.request : https.request;
  const request = send(`${origin}/v1/hosts`, { method: 'POST', headers, ...trust });
  request.end(JSON.stringify({ name: 'bench', password: 'bench-host-password' }));
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const body = await text(response);
  if (response.statusCode !== 201) throw new Error(`POST /v1/hosts: ${response.statusCode} ${body}`);
  const { streamKey } = JSON.parse(body) as { streamKey: string };
  return streamKey;
}
