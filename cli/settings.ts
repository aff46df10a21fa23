import { existsSync } from 'node:fs';
import { cacheSection } from '@gala/lib/cache';
import { collectionsSection, twemproxySection } from '@gala/lib/collections';
import { loadSettings, section, type Section, type Settings } from '@gala/lib/config';
import { coordSection } from '@gala/lib/coord';
import { eventlogSection } from '@gala/lib/eventlog';
import { archiveDatabaseNames, shardDatabaseNames } from '@gala/lib/sql';
import { edgeSections, rtmpSection } from '@gala/services/access/edge';
import { gatewaySection } from '@gala/services/access/gateway';
import { signalSection } from '@gala/services/access/signal';
import { accountSection } from '@gala/services/application/account';
import { chatSection, interactionSection } from '@gala/services/application/interaction';
import { diskSection, roomSection } from '@gala/services/application/room';
import { traceSection } from '@gala/services/foundation/monitor';
import { z } from 'zod';
import { webFolder } from './paths.ts';

const port = z.int().min(0).max(65_535);
const bindHost = z.string().default('127.0.0.1').describe('address to bind; `gala up --public` binds ::');

const acceptLimit = (perSecond: number, burst: number) =>
  z
    .object({
      perSecond: z.number().min(0.001).max(1e6).default(perSecond),
      burst: z.int().min(1).max(1e6).default(burst),
    })
    .prefault({});

export const httpSection = section(
  'http',
  z.object({
    host: bindHost,
    port: port.default(8080).describe('web pages and API'),
    accepts: acceptLimit(4_000, 10_000).describe('connections taken; more are closed before they are read'),
    acceptsPerAddress: acceptLimit(2_000, 10_000).describe(
      'the same from one address (IPv6: one /64) that is no trusted proxy',
    ),
  }),
);
export const liveSection = section(
  'live',
  z.object({ host: bindHost, port: port.default(8081).describe('players; with --one they use http.port') }),
);
export const adminSection = section(
  'admin',
  z.object({
    host: z.string().default('127.0.0.1').describe('address of metrics, health and status'),
    port: port.default(9090),
  }),
);
export const rpcSection = section(
  'rpc',
  z.object({
    host: z
      .string()
      .default('127.0.0.1')
      .describe('address on which roles of other processes reach this one'),
    port: port
      .max(65_000)
      .default(0)
      .describe('first of consecutive ports, one for each process of the placement; 0: any free ones'),
    advertiseHost: z.string().optional().describe('host name that other machines use, when it is not `host`'),
  }),
);
export const tlsSection = section(
  'tls',
  z
    .object({
      cert: z
        .string()
        .optional()
        .describe('certificate file (PEM): HTTPS and WSS on http and live, RTMPS; read again on change'),
      key: z.string().optional().describe('its private key file (PEM)'),
    })
    .refine(({ cert, key }) => (cert === undefined) === (key === undefined), 'cert and key go together'),
);
export const databaseSection = section(
  'database',
  z
    .object({
      url: z
        .string()
        .optional()
        .describe('a PostgreSQL server of yours instead of the embedded one (also DATABASE_URL)'),
      archives: z
        .array(z.string().min(1))
        .min(1)
        .max(64)
        .default([...archiveDatabaseNames])
        .describe(
          'databases of ended rooms, oldest first; new ones go behind, and none may leave: names on the same server, or URLs',
        ),
      connectionsPerProcess: z
        .int()
        .min(5)
        .max(500)
        .default(20)
        .describe('budget that all pools of a process share'),
    })
    .refine(
      ({ archives, connectionsPerProcess }) =>
        connectionsPerProcess >= archives.length + shardDatabaseNames.length + 2,
      'connectionsPerProcess is at least one for each shard and archive, and two more',
    ),
);
export const logSection = section(
  'log',
  z.object({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') }),
);
export const demoSection = section(
  'demo',
  z.object({
    name: z.string().default('demo').describe('host name of the demo broadcast'),
    width: z.int().min(160).max(1920).default(640),
    height: z.int().min(90).max(1080).default(360),
  }),
);

/** All that may stand in `gala.yaml`; anything else there is an error. */
export const sections: readonly Section[] = [
  httpSection,
  liveSection,
  adminSection,
  rpcSection,
  tlsSection,
  databaseSection,
  coordSection,
  collectionsSection,
  eventlogSection,
  twemproxySection,
  cacheSection,
  logSection,
  traceSection,
  ...edgeSections,
  gatewaySection,
  signalSection,
  accountSection,
  roomSection,
  diskSection,
  chatSection,
  interactionSection,
  demoSection,
];

export interface SettingsOptions {
  /** All on one HTTP listener (`--one`). */
  readonly singleListener?: boolean;
  /** Bind all addresses instead of loopback. */
  readonly isPublic?: boolean;
}

/**
 * Settings of this installation: defaults, `gala.yaml` (or `GALA_CONFIG`), environment. What follows from other
 * settings is filled in here: the public ports that the gateway names are those that are listened on.
 */
export function readSettings(options: SettingsOptions = {}, env: NodeJS.ProcessEnv = process.env): Settings {
  const file = env.GALA_CONFIG ?? (existsSync('gala.yaml') ? 'gala.yaml' : undefined);
  const given = { ...(options.isPublic ? publicHosts : {}), ...env };
  const first = loadSettings(sections, { file, env: given, reservedEnv });
  const { cert, key } = first.get(tlsSection);
  const rtmp = first.get(rtmpSection);
  const hasRtmps = (rtmp.tlsCert ?? cert) !== undefined;
  const defaults = {
    ...(cert && key && { GALA_RTMP_TLS_CERT: cert, GALA_RTMP_TLS_KEY: key }),
    ...(hasRtmps && { GALA_GATEWAY_RTMPS_PORT: String(rtmp.tlsPort) }),
    GALA_GATEWAY_LIVE_PORT: String(
      (options.singleListener ? first.get(httpSection) : first.get(liveSection)).port,
    ),
    GALA_GATEWAY_RTMP_PORT: String(rtmp.port),
    GALA_GATEWAY_WEB_FOLDER: webFolder,
    GALA_SIGNAL_PATH: `${first.get(gatewaySection).basePath}/signal`,
    GALA_EDGE_TRUSTED_PROXIES: first.get(gatewaySection).trustedProxies.join(','),
  };
  return loadSettings(sections, { file, env: given, defaults, reservedEnv });
}

const publicHosts = { GALA_HTTP_HOST: '::', GALA_LIVE_HOST: '::', GALA_RTMP_HOST: '::' };

/** Switches of tests and tools that are no settings. */
export const reservedEnv = ['GALA_SOAK', 'GALA_CONTAINER'];
