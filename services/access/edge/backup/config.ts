import { section } from '@gala/lib/config';
import { z } from 'zod';

export const backupSection = section(
  'backup',
  z.object({
    perHostMax: z.int().min(0).default(2).describe('backup publishers of one host; 0 turns them off'),
    silentMs: z
      .int()
      .min(200)
      .default(700)
      .describe('a publisher with a backup that sends nothing this long is replaced'),
  }),
);

export type BackupConfig = ReturnType<(typeof backupSection)['schema']['parse']>;
