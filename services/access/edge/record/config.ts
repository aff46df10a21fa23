import { z } from 'zod';
import { section, type Settings } from '@gala/lib/config';

const gibibyte = 2 ** 30;

export const recordSection = section(
  'record',
  z.object({
    all: z.boolean().default(false).describe('record every broadcast, whatever its host chose'),
    formats: z
      .array(z.enum(['mp4', 'flv']))
      .min(1)
      .max(2)
      .default(['mp4'])
      .describe('mp4, flv or both; what MP4 has no form for is kept as FLV'),
    folder: z
      .string()
      .default('')
      .describe('where recordings lie; empty: `recordings` in the data folder. Machines may share it'),
    machine: z
      .string()
      .regex(/^[A-Za-z0-9._-]{0,64}$/)
      .default('')
      .describe('name of this machine in a folder that several share'),
    bytesMax: z
      .int()
      .min(1_048_576)
      .default(100 * gibibyte)
      .describe('budget of one process; at it the oldest recordings are removed'),
    keepMs: z.int().min(0).default(0).describe('older recordings are removed; 0: none for its age'),
    diskUsedPercentMax: z.number().min(0).max(100).default(85).describe('above this recordings stop'),
    diskSpareBytes: z
      .int()
      .min(0)
      .default(20 * gibibyte)
      .describe('unless more than this is free'),
    queueBytesMax: z
      .int()
      .min(1_048_576)
      .default(33_554_432)
      .describe('what of one file may wait for the disk; over it pictures are left out until a key frame'),
    fragmentMs: z
      .int()
      .min(500)
      .max(30_000)
      .default(4_000)
      .describe('a fragment of MP4 ends at a key frame, or after this'),
    readersMax: z.int().min(1).default(256).describe('replays and downloads that are read at once'),
    readersPerAddressMax: z.int().min(1).default(64).describe('of them from one address (IPv6: one /64)'),
    readIdleMs: z
      .int()
      .min(1_000)
      .default(30_000)
      .describe('a reader that takes nothing this long is closed'),
  }),
);

export type RecordConfig = ReturnType<typeof readRecord>;

export const readRecord = (settings: Settings) => settings.get(recordSection);
