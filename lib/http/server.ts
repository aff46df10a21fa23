import { createServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import type { Socket } from 'node:net';
import { CodedError } from '../error/index.ts';
import { hostPort } from './address.ts';
import { httpErrors } from './errors.ts';
import type { HttpLimits } from './limits.ts';
import { readProxyHeader, type ProxySource } from './proxy-protocol.ts';

export type AnyServer = Server | SecureServer;

/** A server of node:http(s) with every limit set; `pair` makes it HTTPS. */
export function createLimitedServer(
  limits: HttpLimits,
  options: Pick<ServerOptions, 'shouldUpgradeCallback'>,
  pair?: { readonly cert: Buffer; readonly key: Buffer },
): AnyServer {
  const settings: ServerOptions = {
    ...options,
    headersTimeout: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs),
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: limits.checkIntervalMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    maxHeaderSize: limits.headerBytesMax,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  };
  const handshake = { handshakeTimeout: limits.headersTimeoutMs, minVersion: 'TLSv1.2' } as const;
  const server = pair ? createSecureServer({ ...settings, ...handshake, ...pair }) : createServer(settings);
  server.maxConnections = limits.connectionsMax;
  return server;
}

export interface BindOptions {
  readonly host: string;
  readonly port: number;
  /** Setting to change, for messages: `http.port (GALA_HTTP_PORT)`. */
  readonly portSetting: string;
  /** Several processes may listen on the port, and the kernel spreads the connections (Linux). */
  readonly reusePort?: boolean;
}

/** @throws CodedError PORT_TAKEN, PORT_FORBIDDEN or ADDRESS_UNAVAILABLE. */
export async function bind(server: AnyServer, options: BindOptions): Promise<void> {
  const { host, port, portSetting } = options;
  try {
    await listenOn(server, options);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // Without IPv6 in the kernel, "all addresses" means those of IPv4.
    if (code === 'EAFNOSUPPORT' && host === '::') return bind(server, { ...options, host: '0.0.0.0' });
    const name = bindErrors[code ?? ''];
    if (!name) throw cause;
    throw new CodedError(httpErrors, name, {
      cause,
      detail: `${hostPort(host, port)}; change ${portSetting}`,
    });
  }
}

const bindErrors: Readonly<Record<string, 'PORT_TAKEN' | 'PORT_FORBIDDEN' | 'ADDRESS_UNAVAILABLE'>> = {
  EADDRINUSE: 'PORT_TAKEN',
  EACCES: 'PORT_FORBIDDEN',
  EADDRNOTAVAIL: 'ADDRESS_UNAVAILABLE',
  ENOTFOUND: 'ADDRESS_UNAVAILABLE',
};

function listenOn(server: AnyServer, { host, port, reusePort = false }: BindOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, reusePort, backlog: 4096 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

export interface ProxyHeaderOptions {
  readonly isTrusted: (peer: string) => boolean;
  readonly onSource: (socket: Socket, source: ProxySource) => void;
  readonly onInvalid: () => void;
}

/** Reads a PROXY header off connections of trusted peers before node:http(s) sees a byte; others come as they are. */
export function expectProxyHeaders(server: AnyServer, options: ProxyHeaderOptions): void {
  const accept = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  const passOn = (socket: Socket): void => accept.forEach((listener) => listener.call(server, socket));
  server.on('connection', (socket: Socket) => {
    if (!options.isTrusted(socket.remoteAddress ?? '')) return passOn(socket);
    const refuse = (): void => {
      options.onInvalid();
      socket.on('error', () => undefined).destroy();
    };
    readProxyHeader(socket).then((source) => {
      if (source) options.onSource(socket, source);
      passOn(socket);
    }, refuse);
  });
}
