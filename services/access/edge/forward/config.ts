import { z } from 'zod';
import { section } from '@gala/lib/config';

export const forwardSection = section(
  'forward',
  z.object({
    targetsMax: z.int().min(0).default(64).describe('forwards of one process; 0 turns them off'),
    bufferBytes: z
      .int()
      .min(65_536)
      .default(8_388_608)
      .describe('what may wait for one target; over it frames are left out until the next key frame'),
    privateTargets: z
      .boolean()
      .default(false)
      .describe('hosts may forward to addresses of private networks and of this machine'),
  }),
);
