import { randomBytes } from 'node:crypto';
import { Breakers } from '@gala/lib/breaker';
import { systemClock } from '@gala/lib/clock';
import { collectionsSection, openCollections } from '@gala/lib/collections';
import type { Settings } from '@gala/lib/config';
import { openCoord } from '@gala/lib/coord';
import { openEventLog } from '@gala/lib/eventlog';
import { JobRunner } from '@gala/lib/jobs';
import { hostPort, listen, type HttpListener } from '@gala/lib/http';
import type { Context, ListenerName } from '@gala/lib/lifecycle';
import { createLogger, type Logger } from '@gala/lib/logger';
import { createMetrics, type Metrics } from '@gala/lib/metrics';
import { createRpc } from '@gala/lib/rpc';
import { openSql } from '@gala/lib/sql';
import { Tracer } from '@gala/lib/trace';
import { edgeSection } from '@gala/services/access/edge';
import { gatewaySection } from '@gala/services/access/gateway';
import { readTraceConfig, serveReadiness, watchProcess } from '@gala/services/foundation/monitor';
import { openCaches } from './caches.ts';
import type { StartMessage } from './entry/messages.ts';
import { engineProbes } from './engines.ts';
import { spawnNativeChild } from './native-child.ts';
import { roleNames } from './placement.ts';
import { roles } from './roles.ts';
import {
  databaseSection,
  httpSection,
  liveSection,
  logSection,
  readSettings,
  rpcSection,
  tlsSection,
} from './settings.ts';

/** A process with its roles running. */
export interface RunningProcess extends AsyncDisposable {
  /** Public addresses by listener: `web`, `live`, `rtmp`. */
  readonly addresses: Readonly<Record<string, string>>;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export type ProcessOptions = Omit<StartMessage, 'type'>;

/** Composes a process: its ports to the world, then its roles, started in order and closed in reverse. */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const settings = readSettings(options);
  const logger = processLogger(options.name, settings);
  const metrics = createMetrics(options.name);
  await using stack = new AsyncDisposableStack();
  const listeners = new Listeners({ settings, logger, metrics, singleListener: options.singleListener });
  stack.use(listeners);
  const context = await makeContext({ options, settings, logger, metrics, listeners, stack });
  stack.use(await watchProcess(context));
  const addresses: Record<string, string> = {};
  for (const name of roleNames) {
    if (!options.roles.includes(name)) continue;
    const started = await roles[name].start(context);
    stack.use(started);
    Object.assign(addresses, started.addresses);
  }
  serveReadiness({
    listener: await context.listener('admin'),
    clock: context.clock,
    // An edge goes on with what it has; who answers requests needs the database.
    isReady: () => options.roles.every((role) => role === 'edge') || context.sql.healthy(),
    probes: engineProbes(settings),
  });
  Object.assign(addresses, listeners.addresses());
  const owned = stack.move();
  return { addresses, metrics, logger, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Lines for people on a terminal, JSON for everything else. */
export function processLogger(name: string, settings: Settings): Logger {
  return createLogger({ name, level: settings.get(logSection).level, pretty: process.stdout.isTTY });
}

interface ContextParts {
  readonly options: ProcessOptions;
  readonly settings: Settings;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly listeners: Listeners;
  readonly stack: AsyncDisposableStack;
}

async function makeContext(parts: ContextParts): Promise<Context> {
  const { options, settings, logger, metrics, listeners, stack } = parts;
  const clock = systemClock;
  const processId = `${options.name}-${randomBytes(4).toString('hex')}`;
  const connectionsMax = settings.get(databaseSection).connectionsPerProcess;
  const sql = stack.use(
    await openSql({
      urls: options.databases,
      connectionsMax,
      processName: options.name,
      logger,
      metrics,
      clock,
    }),
  );
  const coord = stack.use(
    await openCoord({ settings, database: sql.core(), processId, logger, metrics, clock }),
  );
  const jobs = stack.use(new JobRunner({ database: sql.core(), coord, processId, logger, metrics, clock }));
  const collections = stack.use(
    await openCollections({ config: settings.get(collectionsSection), logger, metrics, clock }),
  );
  const breakers = new Breakers({ clock, logger, metrics });
  const shared = { settings, processId, clock, logger, metrics, breakers, collections };
  const caches = await openCaches({ ...shared, stack });
  const eventlog = stack.use(
    await openEventLog({ settings, database: sql.core(), coord, processId, logger, metrics }),
  );
  const { host, port: firstPort, advertiseHost = host } = settings.get(rpcSection);
  // Every process of the installation answers calls, each at a port of its own.
  const port = firstPort === 0 ? 0 : firstPort + options.ordinal;
  const rpc = stack.use(
    createRpc({
      memberId: processId,
      coord,
      clusterToken: options.secrets.clusterToken,
      listenHost: host,
      port,
      portSetting: 'rpc.port (GALA_RPC_PORT)',
      advertiseHost,
      logger,
      metrics,
    }),
  );
  return {
    processId,
    processName: options.name,
    dataFolder: options.dataFolder,
    settings,
    secrets: options.secrets,
    clock,
    logger,
    metrics,
    rpc,
    sql,
    coord,
    jobs,
    collections,
    caches,
    eventlog,
    breakers,
    tracer: new Tracer({ clock, logger, metrics, sampleShare: readTraceConfig(settings).sampleShare }),
    advertiseHost,
    listener: (name) => listeners.open(name),
    spawn: spawnNativeChild,
  };
}

interface ListenersOptions {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly singleListener: boolean;
}

/** The HTTP listeners of a process, opened when a role first mounts on them. */
class Listeners implements AsyncDisposable {
  readonly #options: ListenersOptions;
  readonly #open = new Map<ListenerName, Promise<HttpListener>>();
  readonly #opened = new Map<ListenerName, HttpListener>();

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  open(wanted: ListenerName): Promise<HttpListener> {
    const name = wanted === 'live' && this.#options.singleListener ? 'web' : wanted;
    const existing = this.#open.get(name);
    if (existing) return existing;
    const opening = this.#listen(name);
    this.#open.set(name, opening);
    return opening;
  }

  addresses(): Record<string, string> {
    const shown = [...this.#opened].filter(([name]) => name !== 'internal');
    return Object.fromEntries(shown.map(([name, listener]) => [name, urlOf(listener)]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#opened.values()].map((listener) => listener[Symbol.asyncDispose]()));
  }

  async #listen(name: ListenerName): Promise<HttpListener> {
    const { settings, logger, metrics } = this.#options;
    const { trustedProxies } = settings.get(gatewaySection);
    const { accepts: all, acceptsPerAddress: perAddress } = settings.get(httpSection);
    const accepts = name === 'web' ? { all, perAddress } : undefined;
    const binding = bindingOf(name, settings);
    const listener = await listen({ name, logger, metrics, trustedProxies, accepts, ...binding });
    this.#opened.set(name, listener);
    return listener;
  }
}

/** The supervisor has the admin port that is set; each process has its own, on loopback, behind that. */
function bindingOf(name: ListenerName, settings: Settings) {
  if (name === 'admin') return { host: '127.0.0.1', port: 0, portSetting: '' };
  if (name === 'internal') return { host: settings.get(rpcSection).host, port: 0, portSetting: '' };
  const { host, port } = settings.get(name === 'web' ? httpSection : liveSection);
  const portSetting = name === 'web' ? 'http.port (GALA_HTTP_PORT)' : 'live.port (GALA_LIVE_PORT)';
  const { cert, key } = settings.get(tlsSection);
  const reusePort = name === 'live' && settings.get(edgeSection).processes > 1;
  return { host, port, portSetting, reusePort, tls: cert && key ? { cert, key } : undefined };
}

/** An address that a person on this machine can open. */
function urlOf({ host, port, secure }: HttpListener): string {
  const shown = host === '::' || host === '0.0.0.0' ? 'localhost' : host;
  return `${secure ? 'https' : 'http'}://${hostPort(shown, port)}`;
}
