import { z } from 'zod';
import { anglesMax, deviceToken, programmeName, programmePhases, stewardsMax } from '../programme/index.ts';
import { areaNames } from '../settings/index.ts';
import { pathParameters, timeMs } from './schemas.ts';

const titles = z.object({ en: z.string().min(1).max(80), zh: z.string().min(1).max(80) });
const text = z.string().max(2000).describe('plain text with line breaks');

export const programmeSummary = z
  .object({
    name: programmeName,
    titles,
    startsAtMs: timeMs,
    endsAtMs: timeMs,
    phase: z
      .enum(programmePhases)
      .describe(
        'countdown from `room.programmeWarmMs` before it begins; live while one of its hosts is on air',
      ),
    reservations: z.number().int(),
    version: z.number().int().describe('grows with every change'),
  })
  .meta({ id: 'ProgrammeSummary' });

export const programme = programmeSummary
  .extend({
    text,
    angles: z.array(
      z.object({
        hostId: z.number().int(),
        hostName: z.string(),
        label: areaNames,
        isOnAir: z.boolean().describe('there is something to watch now'),
      }),
    ),
  })
  .meta({ id: 'Programme' });

/** Hosts and users by id or `@name`. */
export const programmeDraft = z
  .object({
    titles,
    text,
    startsAtMs: timeMs,
    endsAtMs: timeMs,
    angles: z
      .array(z.object({ hostRef: pathParameters.hostRef, label: areaNames }))
      .min(1)
      .max(anglesMax)
      .describe('in the order in which they are shown'),
    stewards: z
      .array(pathParameters.hostRef)
      .max(stewardsMax)
      .describe('users who may change and cancel it, beside operators'),
  })
  .meta({ id: 'ProgrammeDraft' });

export const programmePlan = z
  .object({ draft: programmeDraft, version: z.number().int() })
  .meta({ id: 'ProgrammePlan' });

export const device = z.object({ device: deviceToken.optional().describe('for who is not signed in') });
