import { z } from 'zod';
import { areaId, areaNames } from '../settings/index.ts';
import { host, room, timeMs } from './schemas.ts';

export const area = z
  .object({
    areaId,
    names: areaNames,
    isRetired: z.boolean().describe('no host may choose it any more'),
    rooms: z.number().int().describe('public rooms on air'),
  })
  .meta({ id: 'Area' });

export const siteNotice = z
  .object({
    texts: z.object({ en: z.string().max(300), zh: z.string().max(300) }),
    version: z.number().int().describe('grows with every change'),
    untilMs: timeMs.optional().describe('absent: until it is taken away'),
  })
  .meta({ id: 'SiteNotice' });

export const hostPage = z
  .object({
    host,
    room: room.optional().describe('on air or scheduled; absent while there is none, or when it is private'),
  })
  .meta({ id: 'HostPage' });
