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

/** Values that processes share. */
export const cacheSection = section(
  'cache',
  z.object({
    zone: name.optional().describe('where this process runs: clusters of the same zone are asked first'),
    clusters: z
      .array(cluster)
      .max(8)
      .refine((clusters) => isUnique(clusters.map((each) => each.name)), 'each name stands once')
      .default([])
      .describe('equal clusters of Memcached, each with all values: name, zone, nodes (host:port)'),
  }),
);
