import { z } from 'zod';
import { section } from '@gala/lib/config';
import type { Context } from '@gala/lib/lifecycle';

/** The only reader of the settings of the relay. */
export const relaySection = section(
  'relay',
  z.object({
    idleMs: z
      .int()
      .min(1_000)
      .default(10_000)
      .describe('a stream of another edge that nobody here watches is let go'),
    streamsMax: z.int().min(0).max(900).default(500).describe('streams of other edges in one process'),
    feedsMax: z.int().min(0).default(5_000).describe('copies that one process gives to other edges'),
  }),
);

export type RelayConfig = ReturnType<typeof relayConfig>;

export const relayConfig = (context: Context) => context.settings.get(relaySection);
