import { z } from 'zod';
import { areaId, areaNames, switchName } from '../settings/index.ts';
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
    plays: z
      .number()
      .int()
      .optional()
      .describe('how often the room was played; absent while it is not shown'),
    room: room.optional().describe('on air or scheduled; absent while there is none, or when it is private'),
  })
  .meta({ id: 'HostPage' });

export const switchView = z
  .object({
    name: switchName,
    states: z.array(z.string()).describe('the first is the ordinary one'),
    state: z.string(),
    setting: z
      .object({
        by: z.string().describe('user id; 0 for the operator token'),
        reason: z.string(),
        sinceMs: timeMs,
        untilMs: timeMs.optional().describe('then it is in its ordinary state again'),
      })
      .optional()
      .describe('absent while nobody has set it'),
  })
  .meta({ id: 'Switch' });

export const switchChange = z
  .object({ atMs: timeMs, by: z.string(), reason: z.string(), what: z.string() })
  .meta({ id: 'SwitchChange' });
