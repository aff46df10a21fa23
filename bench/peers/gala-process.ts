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

const bootstrap = join(import.meta.dirname, '..', '..', 'cli', 'bootstrap.js');
const startMsMax = 120_000;
/** The host whose room is measured. */
const account = { name: 'bench', password: 'bench-host-password' };

export interface GalaProcessOptions {
  readonly tls: boolean;
  readonly core?: CoreList;
  /** Settings beyond those that keep it apart from others. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What the answers hold that are used here. */
interface Answered {
  readonly streamKey: string;
  readonly csrfToken: string;
  readonly room: { readonly roomId: number };
  readonly ticket: string;
  readonly settings: object;
  readonly version: number;
}

interface Signed {
  readonly headers: Readonly<Record<string, string>>;
}

interface Sending extends Signed {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly body?: object;
}

interface Ports {
  readonly web: number;
  readonly live: number;
  readonly rtmp: number;
  readonly admin: number;
}

/** A room, and how one comes into it. */
export interface OpenedRoom {
  readonly roomId: number;
  /** Of the host, or of a viewer who has not signed in; who names a device keeps it over all its tickets. */
  ticketOf(who: 'host' | 'viewer', device?: string): Promise<string>;
  /** From now on also who has not signed in may say something. */
  letGuestsSpeak(): Promise<void>;
}

/** A Gala that runs, with a host `bench`. */
export class GalaProcess {
  readonly pid: number;
  readonly dataFolder: string;
  readonly ports: Ports;
  readonly stop: () => Promise<void>;
  readonly #pem: string | undefined;

  private constructor(
    parts: Pick<GalaProcess, 'pid' | 'dataFolder' | 'ports' | 'stop'>,
    pem: string | undefined,
  ) {
    this.pid = parts.pid;
    this.dataFolder = parts.dataFolder;
    this.ports = parts.ports;
    this.stop = parts.stop;
    this.#pem = pem;
  }

  static async start({ tls, core = serverCore, env = {} }: GalaProcessOptions): Promise<GalaProcess> {
    const folder = await temporaryFolder('gala');
    const ports = {
      web: await freePort(),
      live: await freePort(),
      rtmp: await freePort(),
      admin: await freePort(),
    };
    const pem = tls ? await certificate() : undefined;
    const dataFolder = join(folder, 'data');
    // Own folder, own settings: an operator's installation cannot leak into the figures.
    const child = startChild(process.execPath, [bootstrap, 'up', '--no-demo'], {
      core,
      cwd: folder,
      env: { ...foreignEnvironment(), ...settings(dataFolder, ports), ...tlsSettings(pem), ...env },
      log: join(folder, 'server.log'),
    });
    const stop = async (): Promise<void> => {
      await child.stop();
      await rm(folder, { recursive: true, force: true });
    };
    try {
      await child.line(/\bready https?:/, startMsMax);
    } catch (error) {
      await stop();
      throw error;
    }
    return new GalaProcess({ pid: child.pid, dataFolder, ports, stop }, pem);
  }

  async operatorToken(): Promise<string> {
    return (await readFile(join(this.dataFolder, 'admin.token'), 'utf8')).trim();
  }

  /** The metrics of all its processes, as Prometheus text. */
  async metrics(): Promise<string> {
    const request = http.get(`http://127.0.0.1:${this.ports.admin}/metrics`);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    return text(response);
  }

  /** Answers the stream key of the new host. */
  async createHost(): Promise<string> {
    const headers = { authorization: `Bearer ${await this.operatorToken()}` };
    const { body } = await this.#post('/v1/hosts', account, { headers });
    return body.streamKey;
  }

  /** The room that the host schedules; its tickets are those of the host, or of viewers who have not signed in. */
  async openRoom(): Promise<OpenedRoom> {
    const { body: session, cookie } = await this.#post('/v1/sessions', account);
    const host = { headers: { cookie, 'x-gala-csrf': session.csrfToken } };
    const { body } = await this.#post('/v1/rooms', { title: 'bench' }, host);
    const { roomId } = body.room;
    const path = `/v1/rooms/${roomId}/signals/entry`;
    return {
      roomId,
      letGuestsSpeak: async () => {
        const chat = { path: '/v1/hosts/@bench/chat', ...host };
        const { settings, version } = (await this.#send({ ...chat, method: 'GET' })).body;
        await this.#send({
          ...chat,
          method: 'PUT',
          body: { settings: { ...settings, guestsMaySpeak: true }, version },
        });
      },
      ticketOf: async (who, device) => {
        const entry = await this.#post(path, device ? { device } : {}, who === 'host' ? host : undefined);
        return entry.body.ticket;
      },
    };
  }

  #post(path: string, body: object, { headers }: Signed = { headers: {} }) {
    return this.#send({ method: 'POST', path, body, headers });
  }

  async #send({ method, path, body, headers }: Sending) {
    const trust = this.#pem === undefined ? {} : { ca: await readFile(this.#pem), servername: 'localhost' };
    const send = this.#pem === undefined ? http.request : https.request;
    const origin = `${this.#pem === undefined ? 'http' : 'https'}://127.0.0.1:${this.ports.web}`;
    const request = send(`${origin}${path}`, {
      method,
      headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
      ...trust,
    });
    request.end(body && JSON.stringify(body));
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const answer = await text(response);
    if ((response.statusCode ?? 500) >= 300)
      throw new Error(`${method} ${path}: ${response.statusCode} ${answer}`);
    const cookie = (response.headers['set-cookie'] ?? []).map((each) => each.split(';', 1)[0]).join('; ');
    return { body: JSON.parse(answer) as Answered, cookie };
  }
}

function foreignEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('GALA_'));
  return { ...Object.fromEntries(kept), NODE_ENV: 'production' };
}

function settings(dataFolder: string, ports: Ports): Record<string, string> {
  return {
    GALA_HTTP_PORT: String(ports.web),
    GALA_LIVE_PORT: String(ports.live),
    GALA_RTMP_PORT: String(ports.rtmp),
    GALA_ADMIN_PORT: String(ports.admin),
    GALA_DATA: dataFolder,
  };
}

function tlsSettings(pem: string | undefined): Record<string, string> {
  return pem === undefined ? {} : { GALA_TLS_CERT: pem, GALA_TLS_KEY: pem };
}
