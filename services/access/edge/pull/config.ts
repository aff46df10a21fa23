import { z } from 'zod';
import { section } from '@gala/lib/config';

export const pullSection = section(
  'pull',
  z.object({
    sourcesMax: z
      .int()
      .min(0)
      .default(64)
      .describe('sources of hosts that one process pulls; 0 turns it off'),
    idleMs: z.int().min(1_000).default(10_000).describe('a source that nobody watches is let go'),
    silentMs: z.int().min(1_000).default(10_000).describe('a source that sends nothing this long is lost'),
    privateSources: z
      .boolean()
      .default(false)
      .describe('hosts may name sources in private networks and on this machine'),
  }),
);
