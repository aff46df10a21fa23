import { z } from 'zod';
import { areaId, areaNames } from '../settings/index.ts';

export const area = z
  .object({
    areaId,
    names: areaNames,
    isRetired: z.boolean().describe('no host may choose it any more'),
    rooms: z.number().int().describe('public rooms on air'),
  })
  .meta({ id: 'Area' });
