import { z } from 'zod';
import { section } from '../config/index.ts';

const address = z.string().regex(/^(\[[\da-fA-F:]+\]|[\w.-]+):\d{1,5}$/, 'a node is host:port');
const name = z.string().regex(/^[\w-]{1,32}$/, 'a name is 1 to 32 letters, digits, dashes or underscores');
const isUnique = (values: readonly string[]): boolean => new Set(values).size === values.length;

const cluster = z.object({
  name: name.describe('in metrics, and the salt of its ring: for good, since another one moves every key'),
  zone: name.optional(),
  nodes: z.array(address).min(1).max(256).refine(isUnique, 'each node stands once'),
});

const ms = (min: number, max: number, value: number) => z.int().min(min).max(max).default(value);

/** Levels of the caches of a process, and what holds for all of them unless their owner knows better. */
export const cacheSection = section(
  'cache',
  z
    .object({
      shared: z
        .enum(['none', 'collections', 'memcached'])
        .optional()
        .describe(
          'level between the processes and the source; unless told memcached where there are clusters, or none',
        ),
      entriesMax: z
        .int()
        .min(100)
        .max(10_000_000)
        .default(20_000)
        .describe('entries of one cache in a process'),
      bytesMax: z
        .int()
        .min(1024 * 1024)
        .default(64 * 1024 * 1024)
        .describe('bytes of one cache in a process, where its values have a known size'),
      ttlMs: ms(10, 3_600_000, 10_000).describe('in a process that hears of changes'),
      unheardTtlMs: ms(10, 60_000, 1000).describe(
        'in a process that does not: the messages are cut, or processes share none',
      ),
      staleMsMax: ms(0, 86_400_000, 60_000).describe(
        'age up to which values are answered while the source is down',
      ),
      sharedTtlMs: ms(1000, 86_400_000, 60_000).describe('in the shared level'),
      negativeTtlMs: ms(0, 600_000, 1000).describe('of the answer that there is nothing'),
      negativeEntriesMax: z
        .int()
        .min(100)
        .max(10_000_000)
        .default(10_000)
        .describe('keys of one cache in a process of which it is known that there is nothing'),
      hotReadsPerSecond: z
        .int()
        .min(10)
        .max(100_000_000)
        .default(5000)
        .describe('reads of one key by all processes together from which it is hot'),
      hotPin: z.boolean().default(true).describe('hot keys stay in each process and are refreshed in time'),
      hotCopies: z.int().min(1).max(16).default(1).describe('keys of the shared level that hold one hot key'),
      hotLoadsPerSecondMax: z
        .int()
        .min(0)
        .max(1_000_000)
        .default(0)
        .describe('reads of one hot key that a process lets past its own level each second; 0: any number'),
      zone: name.optional().describe('where this process runs: clusters of the same zone are asked first'),
      clusters: z
        .array(cluster)
        .max(8)
        .refine((clusters) => isUnique(clusters.map((each) => each.name)), 'each name stands once')
        .default([])
        .describe('equal clusters of Memcached, each with all values: name, zone, nodes (host:port)'),
    })
    .refine(
      ({ shared, clusters }) => shared !== 'memcached' || clusters.length > 0,
      'memcached needs clusters',
    ),
);

export type CacheConfig = ReturnType<typeof cacheSection.schema.parse>;
