import { z } from 'zod';
import { section } from '../config/index.ts';

const address = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^\s:[\]]+):\d{1,5}$/, 'an address is host:port')
  .describe('host:port');
const master = z.string().regex(/^[\w.-]{1,64}$/, 'a name has letters, digits, dots, dashes, underscores');

/** Which engine keeps shared data, and where it is. */
export const collectionsSection = section(
  'collections',
  z
    .object({
      engine: z
        .enum(['memory', 'redis', 'sentinel', 'twemproxy'])
        .default('memory')
        .describe('memory: of each process alone, for an installation on one machine'),
      address: address
        .optional()
        .describe('host:port of Redis, with the engine redis; with twemproxy, of that for messages'),
      sentinels: z.array(address).max(16).default([]).describe('host:port of each sentinel'),
      masters: z
        .array(master)
        .max(64)
        .default([])
        .describe(
          'names of masters as the sentinels know them; with twemproxy, of all shards, in a lasting order',
        ),
      busMaster: master
        .optional()
        .describe(
          'with twemproxy: master that carries messages between processes; the first one unless told',
        ),
      proxies: z.array(address).max(16).default([]).describe('host:port of each Twemproxy'),
      password: z.string().optional().describe('of Redis, and of the proxies'),
      sentinelPassword: z.string().optional().describe('of the sentinels'),
      timeoutMs: z.int().min(20).max(10_000).default(500).describe('hard limit of one command'),
      inFlightMax: z.int().min(16).max(65_536).default(2048).describe('commands under way on one connection'),
      writesPerSecondMax: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(1000)
        .describe('writes to one key each second by one process'),
      elementsMax: z
        .int()
        .min(100)
        .max(1_000_000)
        .default(65_536)
        .describe('elements of one hash, rank, set or list'),
      memoryBytesMax: z
        .int()
        .min(1024 * 1024)
        .default(64 * 1024 * 1024)
        .describe('engine memory: bytes of all keys; what was not used for longest goes first'),
      memoryKeysMax: z.int().min(1000).default(200_000).describe('engine memory: number of keys'),
    })
    .refine(({ engine, address: at }) => engine !== 'redis' || at !== undefined, 'redis needs address')
    .refine(
      ({ engine, sentinels, masters }) =>
        engine !== 'sentinel' || (sentinels.length > 0 && masters.length === 1),
      'sentinel needs sentinels and one of masters',
    )
    .refine(({ engine, proxies }) => engine !== 'twemproxy' || proxies.length > 0, 'twemproxy needs proxies')
    .refine(
      ({ engine, address: at, sentinels, masters, busMaster }) =>
        engine !== 'twemproxy' ||
        at !== undefined ||
        (sentinels.length > 0 && (busMaster ?? masters[0]) !== undefined),
      'twemproxy needs address, or sentinels and masters, for messages',
    ),
);

/** The proxies of this host, for `gala twemproxy`; shards and sentinels are those of `collections`. */
export const twemproxySection = section(
  'twemproxy',
  z.object({
    listen: z
      .array(address)
      .min(1)
      .max(16)
      .default(['127.0.0.1:22121', '127.0.0.1:22122'])
      .describe(
        '`gala twemproxy`: host:port of each proxy of this host; two or more, since they restart in turn',
      ),
    program: z.string().default('nutcracker').describe('path or name of the program'),
    shardTimeoutMs: z
      .int()
      .min(10)
      .max(10_000)
      .default(300)
      .describe('after which a proxy gives up a silent shard; below `collections.timeoutMs`'),
  }),
);

export type CollectionsConfig = ReturnType<typeof collectionsSection.schema.parse>;
