import { section } from '@gala/lib/config';
import type { Context } from '@gala/lib/lifecycle';
import { z } from 'zod';

const ms = (defaultMs: number, minMs: number, maxMs: number) =>
  z.int().min(minMs).max(maxMs).default(defaultMs);
const mebibyte = 2 ** 20;

/** The part `interaction`: what is said in rooms. */
export const interactionSection = section(
  'interaction',
  z.object({
    tickMs: ms(50, 10, 1000).describe('what a room says in this time goes out together'),
    roomsMax: z.int().min(1).max(1_000_000).default(20_000).describe('rooms that one process has open'),
    roomIdleMs: ms(60_000, 100, 3_600_000).describe('a room without viewers is closed after this'),
    partitionIdleMs: ms(120_000, 100, 3_600_000).describe(
      'a partition without an open room is given back after this',
    ),
    ringBatchesMax: z
      .int()
      .min(8)
      .max(100_000)
      .default(1200)
      .describe('batches that a room keeps for repair'),
    ringBytesMax: z
      .int()
      .min(64 * 1024)
      .default(2 * mebibyte)
      .describe('their bytes, of one room'),
    ringAgeMs: ms(120_000, 1000, 3_600_000).describe('their age'),
    ringsBytesMax: z
      .int()
      .min(mebibyte)
      .default(128 * mebibyte)
      .describe('bytes of all rooms of a process; those that were read least lately go first'),
    nodeBytesMax: z
      .int()
      .min(mebibyte)
      .default(8 * mebibyte)
      .describe('what waits for one signal node; a node that is further behind repairs by reading'),
    durableMsMax: ms(2000, 100, 10_000).describe('so long control and money wait for the event log'),
    durableTailMs: ms(600_000, 10_000, 86_400_000).describe(
      'who was away no longer is told all control and money signals, whatever failed meanwhile',
    ),
    durableTailMax: z.int().min(16).max(10_000).default(512).describe('of them, kept for one room'),
    durableTailBytesMax: z
      .int()
      .min(mebibyte)
      .default(64 * mebibyte)
      .describe('of them, kept for all rooms'),
  }),
);

export type InteractionConfig = ReturnType<typeof readConfig>;

export const readConfig = ({ settings }: Pick<Context, 'settings'>) => settings.get(interactionSection);
