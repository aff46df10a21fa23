import { section } from '@gala/lib/config';
import { z } from 'zod';

/** The part `covers` of the static settings: a still picture of each public room on air. */
export const coversSection = section(
  'covers',
  z.object({
    enabled: z.boolean().default(true).describe('make a JPEG of public rooms on air'),
    intervalMs: z.int().min(1_000).default(10_000).describe('how old a cover gets before the next key frame'),
    widthMax: z.int().min(64).max(1_920).default(640).describe('pixels; smaller pictures stay as they are'),
    roomsMax: z.int().min(1).default(10_000).describe('covers that are kept; the oldest go first'),
    bytesMax: z.int().min(65_536).default(67_108_864).describe('memory of all covers of one process'),
    keptMs: z.int().min(0).default(600_000).describe('how long the last cover of an ended room is kept'),
  }),
);

export type CoversConfig = z.output<typeof coversSection.schema>;
