import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import { Server as NetServer, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { CodedError, hasCode } from '../error/index.ts';
import type { Logger } from '../logger/index.ts';
import type { Metrics } from '../metrics/index.ts';
import { AcceptGuard, type AcceptLimits } from './accept-guard.ts';
import { clientAddress, hostPort, normalizeAddress, trustedProxies, type TrustedProxies } from './address.ts';
import { respondError } from './answer.ts';
import { answering } from './answering.ts';
import { watchCertificate, type CertificateFiles, type WatchedCertificate } from './certificate.ts';
import { Connections } from './connections.ts';
import { httpErrors } from './errors.ts';
import { defaultLimits, type HttpLimits } from './limits.ts';
import { Mounts } from './mounts.ts';
import { hasOneHost, isHost, originForm } from './request-target.ts';
import { bind, createLimitedServer, expectProxyHeaders, type AnyServer, type BindOptions } from './server.ts';
import type { HttpListener, RequestHandler, UpgradeHandler } from './types.ts';

export interface ListenOptions extends BindOptions {
  /** Names the listener in metrics and logs: `web`. */
  readonly name: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** HTTPS from these files, read again when they change. */
  readonly tls?: CertificateFiles;
  readonly limits?: Partial<HttpLimits>;
  /** How fast connections may come; absent: as fast as they do. */
  readonly accepts?: AcceptLimits;
  /** Addresses and CIDR ranges whose X-Forwarded-* headers are believed. */
  readonly trustedProxies?: readonly string[];
  /** Connections of trusted proxies begin with a PROXY header (version 1 or 2). */
  readonly proxyProtocol?: boolean;
}

const counterNames = [
  'connections',
  'connectionsRefused',
  'acceptsLimited',
  'acceptsLimitedByAddress',
  'requests',
  'clientErrors',
  'tlsErrors',
  'proxyErrors',
  'certificateErrors',
  'faults',
  'drainDestroyed',
] as const;

/**
 * Listens for HTTP/1.1, with TLS when certificate files are given. Disposing stops accepting, closes idle
 * connections, lets the others finish for `limits.drainMs` and destroys the rest.
 * @throws CodedError PORT_TAKEN, PORT_FORBIDDEN, ADDRESS_UNAVAILABLE, TLS_INVALID, PROXY_INVALID.
 */
export async function listen(options: ListenOptions): Promise<HttpListener> {
  const limits = { ...defaultLimits, ...options.limits };
  const trusted = trustedProxies(options.trustedProxies ?? []);
  const state = new MountedServer(options, limits, trusted);
  await state.open();
  return state;
}

class MountedServer implements HttpListener {
  readonly host: string;
  readonly secure: boolean;
  port = 0;
  readonly #options: ListenOptions;
  readonly #limits: HttpLimits;
  readonly #trusted: TrustedProxies;
  readonly #mounts = new Mounts<RequestHandler>();
  readonly #upgrades = new Mounts<UpgradeHandler>();
  /** Connections as requests see them; with TLS `#accepted` has what lies below, handshakes included. */
  readonly #connections: Connections;
  readonly #accepted = new Connections();
  /** Clients named by PROXY headers, by the addresses of their connection. */
  readonly #proxied = new Map<string, string>();
  #counters = Object.fromEntries(counterNames.map((name) => [name, 0])) as Record<
    (typeof counterNames)[number],
    number
  >;
  #server: AnyServer | undefined;
  #certificate: WatchedCertificate | undefined;
  #guard: AcceptGuard | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: ListenOptions, limits: HttpLimits, trusted: TrustedProxies) {
    this.host = options.host;
    this.secure = options.tls !== undefined;
    this.#connections = this.secure ? new Connections() : this.#accepted;
    this.#options = options;
    this.#limits = limits;
    this.#trusted = trusted;
  }

  async open(): Promise<void> {
    if (this.#options.tls) this.#certificate = await this.#watch(this.#options.tls);
    const shouldUpgradeCallback = (request: IncomingMessage): boolean =>
      this.#upgradeOf(request) !== undefined;
    const server = createLimitedServer(this.#limits, { shouldUpgradeCallback }, this.#certificate?.pair);
    this.#server = server;
    this.#follow(server);
    try {
      await bind(server, this.#options);
    } catch (error) {
      this.#certificate?.[Symbol.dispose]();
      throw error;
    }
    this.port = (server.address() as AddressInfo).port;
    this.#register();
  }

  mount(prefix: string, handler: RequestHandler): () => void {
    return this.#mounts.add(prefix, handler);
  }

  mountUpgrade(prefix: string, handler: UpgradeHandler): () => void {
    return this.#upgrades.add(prefix, handler);
  }

  clientAddress(request: IncomingMessage): string {
    return clientAddress(this.#peerOf(request.socket), headerOf(request, 'x-forwarded-for'), this.#trusted);
  }

  origin(request: IncomingMessage): string {
    const trusted = this.#trusted.has(normalizeAddress(this.#peerOf(request.socket)) ?? '');
    const proto = trusted ? headerOf(request, 'x-forwarded-proto') : undefined;
    const forwardedHost = trusted ? headerOf(request, 'x-forwarded-host') : undefined;
    const scheme = proto === 'http' || proto === 'https' ? proto : this.secure ? 'https' : 'http';
    const host = forwardedHost ?? request.headers.host ?? '';
    return `${scheme}://${isHost(host) ? host : hostPort(this.host, this.port)}`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #watch(files: CertificateFiles): Promise<WatchedCertificate> {
    return watchCertificate({
      files,
      logger: this.#options.logger,
      onChange: (pair) => (this.#server as SecureServer).setSecureContext({ ...pair, minVersion: 'TLSv1.2' }),
      onRefused: () => this.#counters.certificateErrors++,
    });
  }

  /** Only a listener that is bound shows in metrics, so that trying again after PORT_TAKEN does not collide. */
  #register(): void {
    const { name, metrics } = this.#options;
    this.#counters = metrics.counters(`http_${name}`, counterNames);
    const help = `open connections of the listener ${name}`;
    metrics.gauge(`gala_http_${name}_connections_open`, help, () => this.#accepted.size);
  }

  #follow(server: AnyServer): void {
    if (this.#options.proxyProtocol) this.#expectProxyHeaders(server);
    server.prependListener('connection', (socket: Socket) => {
      this.#counters.connections++;
      this.#accepted.add(socket);
    });
    if (this.#options.accepts) this.#guard = this.#guardAccepts(server, this.#options.accepts);
    server.on('secureConnection', (socket: Socket) => this.#connections.add(socket));
    server.on('tlsClientError', () => this.#counters.tlsErrors++);
    server.on(
      'drop',
      () => this.#counters[this.#guard?.isClosed ? 'acceptsLimited' : 'connectionsRefused']++,
    );
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => this.#refuse(error, socket));
    server.on('request', (request: IncomingMessage, response: ServerResponse) =>
      this.#serve(request, response),
    );
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#handOver(request, socket as Socket, head);
    });
  }

  #guardAccepts(server: AnyServer, limits: AcceptLimits): AcceptGuard {
    return new AcceptGuard(server, {
      limits,
      isTrusted: (peer) => this.#trusted.has(normalizeAddress(peer) ?? ''),
      onRefused: (by) => this.#counters[by === 'all' ? 'acceptsLimited' : 'acceptsLimitedByAddress']++,
    });
  }

  #expectProxyHeaders(server: AnyServer): void {
    expectProxyHeaders(server, {
      isTrusted: (peer) => this.#trusted.has(normalizeAddress(peer) ?? ''),
      onInvalid: () => this.#counters.proxyErrors++,
      onSource: (socket, { address }) => {
        const key = connectionKey(socket);
        this.#proxied.set(key, address);
        socket.once('close', () => this.#proxied.delete(key));
      },
    });
  }

  #peerOf(socket: Socket): string {
    const proxied = this.#proxied.size > 0 ? this.#proxied.get(connectionKey(socket)) : undefined;
    return proxied ?? socket.remoteAddress ?? '';
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.#counters.requests++;
    this.#connections.begin(socket);
    answering.set(socket, response);
    response.once('close', () => this.#connections.end(socket));
    if (this.#connections.draining) response.setHeader('Connection', 'close');
    const target = originForm(request.url ?? '');
    if (target === undefined || !hasOneHost(request)) return this.#refuseRequest(response);
    request.url = target;
    const handler = this.#mounts.find(target);
    if (handler) this.#run(handler, request, response);
    else respondError(response, new CodedError(httpErrors, 'NOT_FOUND'));
  }

  #run(handler: RequestHandler, request: IncomingMessage, response: ServerResponse): void {
    try {
      const answered = handler(request, response);
      if (answered) answered.catch((error: unknown) => this.#fail(error, response));
    } catch (error) {
      this.#fail(error, response);
    }
  }

  #fail(error: unknown, response: ServerResponse): void {
    if (!hasCode(error)) {
      this.#counters.faults++;
      this.#options.logger.error(
        { error, method: response.req.method, listener: this.#options.name },
        'request failed',
      );
    }
    if (response.headersSent || response.destroyed) response.destroy();
    else respondError(response, hasCode(error) ? error : new CodedError(httpErrors, 'INTERNAL'));
  }

  #refuseRequest(response: ServerResponse): void {
    this.#counters.clientErrors++;
    const error = new CodedError(httpErrors, 'INVALID_REQUEST', { detail: 'one Host and a path are needed' });
    respondError(response, error, { Connection: 'close' });
  }

  #upgradeOf(request: IncomingMessage): UpgradeHandler | undefined {
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') return undefined;
    return this.#upgrades.find(originForm(request.url ?? '') ?? '');
  }

  #handOver(request: IncomingMessage, socket: Socket, head: Buffer): void {
    // node:http takes its own listener off before this event; without one a reset would end the process.
    socket.on('error', destroy);
    this.#counters.requests++;
    this.#connections.begin(socket);
    const handler = this.#upgradeOf(request);
    if (!handler || !hasOneHost(request)) return this.#refuse({ code: 'HPE_INVALID_HEADER_TOKEN' }, socket);
    request.url = originForm(request.url ?? '') ?? '/';
    try {
      handler(request, socket, head);
    } catch (error) {
      this.#counters.faults++;
      this.#options.logger.error({ error, listener: this.#options.name }, 'upgrade failed');
      socket.destroy();
    }
  }

  /** What cannot be parsed, is too large or comes too slowly. */
  #refuse(error: { readonly code?: string }, socket: Duplex): void {
    if (error.code !== 'ECONNRESET') this.#counters.clientErrors++;
    const response = answering.get(socket);
    const unfinished = response && !response.writableFinished && !response.destroyed;
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
    // Bytes that cannot be parsed follow a whole request: its answer comes first.
    else if (unfinished && response.req.complete) response.once('close', () => refuse(socket, error.code));
    else if (unfinished && response.headersSent) socket.destroy();
    else refuse(socket, error.code);
  }

  stopAccepting(): void {
    if (this.#server) NetServer.prototype.close.call(this.#server);
  }

  async #close(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#certificate?.[Symbol.dispose]();
    this.#guard?.[Symbol.dispose]();
    // The close of node:http would also destroy connections whose last bytes are still being sent.
    const stopped = new Promise<void>(
      (resolve) => void NetServer.prototype.close.call(server, () => resolve()),
    );
    this.#connections.drain();
    const bound = setTimeout(() => {
      this.#counters.drainDestroyed += this.#connections.destroyAll();
      this.#accepted.destroyAll();
    }, this.#limits.drainMs);
    await stopped;
    clearTimeout(bound);
    // Ends the timer that looks at time limits.
    server.close();
  }
}

const refusals: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

function refuse(socket: Duplex, code: string | undefined): void {
  if (!socket.writable) return;
  const status = refusals[code ?? ''] ?? '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}

function destroy(this: Socket): void {
  this.destroy();
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}

function connectionKey(socket: Socket): string {
  return `${socket.remoteAddress}|${socket.remotePort}|${socket.localAddress}|${socket.localPort}`;
}
