import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket, type SecureContext } from 'node:tls';
import { CodedError } from '@gala/lib/error';
import type { CertificatePair } from '@gala/lib/http';
import type { RtmpConnectionHandler } from './connection-handler.ts';
import { countEnd, createRtmpServerCounters, type RtmpServerCounters } from './counters.ts';
import { rtmpErrors } from './errors.ts';
import { rtmpServerLimits, type RtmpServerLimits } from './limits.ts';
import { RtmpServerConnection } from './server-connection.ts';

const KEEP_ALIVE_MS = 30_000;
const LISTEN_BACKLOG = 1024;
/** Enhanced RTMP codecs that are carried through. */
const FOUR_CC_LIST = ['avc1', 'hvc1', 'av01', 'vp09', 'mp4a', 'Opus', 'fLaC', 'ac-3', 'ec-3'];

export interface RtmpServerOptions {
  /** 0 for any free port. */
  port: number;
  host?: string;
  /** Setting to change, for messages when the port is taken: `rtmp.port (GALA_RTMP_PORT)`. */
  portSetting?: string;
  /** Several processes may listen on one port; the kernel spreads the connections. */
  reusePort?: boolean;
  /** RTMPS: every connection begins with TLS, within the time limit of the handshake. */
  tls?: CertificatePair;
  limits?: Partial<RtmpServerLimits>;
  /** Listeners that share them share `connectionsMax` and `heldBytesMax` as well. */
  counters?: RtmpServerCounters;
  fourCcList?: readonly string[];
  /** Gives the owner's side of each new connection. */
  onSession: (connection: RtmpServerConnection) => RtmpConnectionHandler;
}

/** A listening RTMP server; disposing closes it and all its connections. */
export class RtmpServer implements AsyncDisposable {
  readonly counters: RtmpServerCounters;
  readonly #options: RtmpServerOptions;
  readonly #limits: RtmpServerLimits;
  readonly #server: Server;
  readonly #connections = new Set<RtmpServerConnection>();
  #secureContext: SecureContext | undefined;

  constructor(options: RtmpServerOptions) {
    this.#options = options;
    this.#limits = { ...rtmpServerLimits, ...options.limits };
    this.counters = options.counters ?? createRtmpServerCounters();
    if (options.tls) this.renewCertificate(options.tls);
    // Half-open sockets are allowed so that a peer that has finished sending can still read its answer.
    this.#server = createServer({
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    });
    this.#server.on('connection', (socket) => this.#accept(socket));
  }

  /** Connections that have not ended. */
  get connections(): ReadonlySet<RtmpServerConnection> {
    return this.#connections;
  }

  /** Connections from here on get this certificate. */
  renewCertificate(pair: CertificatePair): void {
    this.#secureContext = createSecureContext({ ...pair, minVersion: 'TLSv1.2' });
  }

  /** Where the server listens. */
  address(): AddressInfo {
    return this.#server.address() as AddressInfo;
  }

  /** Called by `listenRtmp`. Errors: `PORT_TAKEN`, `PORT_FORBIDDEN`, `ADDRESS_UNAVAILABLE`. */
  async listen(): Promise<void> {
    const { port, host, portSetting, reusePort = false } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen({ port, host, reusePort, backlog: LISTEN_BACKLOG }, resolve);
    try {
      await promise;
    } catch (error) {
      throw toListenError(error, `${host ?? ''}:${port}${portSetting ? `; change ${portSetting}` : ''}`);
    }
    this.#server.off('error', reject);
    // Running out of file descriptors, for one: the connection is lost, the server goes on.
    this.#server.on('error', () => (this.counters.acceptFailures += 1));
  }

  /** Frees the port for others; connections that are there go on. */
  stopAccepting(): void {
    this.#server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    for (const connection of this.#connections) connection.close('SERVER_CLOSED');
    await promise;
  }

  #accept(socket: Socket): void {
    const { counters } = this;
    counters.opened += 1;
    if (counters.open >= this.#limits.connectionsMax) {
      countEnd(counters, 'CONNECTIONS_MAX');
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    counters.open += 1;
    const secureContext = this.#secureContext;
    const connection = new RtmpServerConnection({
      socket: secureContext ? new TLSSocket(socket, { isServer: true, secureContext }) : socket,
      counters,
      limits: this.#limits,
      fourCcList: this.#options.fourCcList ?? FOUR_CC_LIST,
      onSession: this.#options.onSession,
      onClosed: (closed, reason) => {
        counters.open -= 1;
        countEnd(counters, reason);
        this.#connections.delete(closed);
      },
    });
    this.#connections.add(connection);
  }
}

const listenCodes = {
  EADDRINUSE: 'PORT_TAKEN',
  EACCES: 'PORT_FORBIDDEN',
  EADDRNOTAVAIL: 'ADDRESS_UNAVAILABLE',
} as const;

function toListenError(error: unknown, detail: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  const known = Object.entries(listenCodes).find(([name]) => name === code);
  return known === undefined ? error : new CodedError(rtmpErrors, known[1], { cause: error, detail });
}

/** Listens for RTMP. Errors: `PORT_TAKEN`, `PORT_FORBIDDEN`, `ADDRESS_UNAVAILABLE` (CodedError). */
export async function listenRtmp(options: RtmpServerOptions): Promise<RtmpServer> {
  const server = new RtmpServer(options);
  await server.listen();
  return server;
}
