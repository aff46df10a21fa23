import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { z } from 'zod';
import { section } from '../config/index.ts';
import type { EtcdAccess } from './etcd-client.ts';

const endpoint = z
  .url({ protocol: /^https?$/ })
  .transform((url) => new URL(url).origin)
  // Node refuses an address as the name that a TLS client asks for, and the gRPC client always asks for one.
  .refine(
    (url) => !url.startsWith('https:') || isIP(hostOf(url)) === 0,
    'https needs a host name, not an address',
  )
  .describe('address of a member');

export const coordSection = section(
  'coord',
  z
    .object({
      engine: z
        .enum(['postgres', 'etcd'])
        .default('postgres')
        .describe('where members, leases and watched records live: the core database, or etcd 3.4 and later'),
      endpoints: z
        .array(endpoint)
        .default([])
        .describe('members of the etcd cluster, e.g. https://etcd-1:2379'),
      prefix: z
        .string()
        .regex(/^[\w./-]+\/$/)
        .default('gala/')
        .describe('begin of all keys in etcd; one for each installation'),
      user: z.string().optional().describe('where etcd asks for one'),
      password: z.string().optional().describe('of that user'),
      tlsCa: z
        .string()
        .optional()
        .describe('file (PEM) with the authority of etcd; otherwise the system knows it'),
      tlsCert: z.string().optional().describe('file (PEM) with the certificate that we show to etcd'),
      tlsKey: z.string().optional().describe('its private key file (PEM)'),
    })
    .refine(({ engine, endpoints }) => engine !== 'etcd' || endpoints.length > 0, 'etcd needs endpoints')
    .refine(({ endpoints }) => new Set(endpoints.map((url) => new URL(url).protocol)).size <= 1, {
      message: 'all endpoints are http or all are https',
    })
    .refine(({ user, password }) => (user === undefined) === (password === undefined), {
      message: 'user and password go together',
    })
    .refine(({ tlsCert, tlsKey }) => (tlsCert === undefined) === (tlsKey === undefined), {
      message: 'tlsCert and tlsKey go together',
    })
    .refine(({ tlsCa, tlsCert }) => tlsCert === undefined || tlsCa !== undefined, {
      message: 'tlsCert needs tlsCa',
    }),
);

export type CoordConfig = z.output<typeof coordSection.schema>;

/** What a client of etcd needs, its files read. */
export async function etcdAccess(config: CoordConfig): Promise<EtcdAccess> {
  const { endpoints, user, password, tlsCa, tlsCert, tlsKey } = config;
  return {
    endpoints,
    user: user !== undefined && password !== undefined ? { name: user, password } : undefined,
    tls: tlsCa
      ? { ca: await readFile(tlsCa), cert: await readIf(tlsCert), key: await readIf(tlsKey) }
      : undefined,
  };
}

function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, '');
}

async function readIf(path: string | undefined): Promise<Buffer | undefined> {
  return path === undefined ? undefined : readFile(path);
}
