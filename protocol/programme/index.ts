import { z } from 'zod';
import { areaNames } from '../settings/index.ts';
import { userIdMax } from '../ids/index.ts';

/** Of one programme. */
export const anglesMax = 16;
export const stewardsMax = 16;
/** Programmes that are neither over nor cancelled. */
export const programmesMax = 1000;
/** Of one programme; those of one stripe of the counter are a sixteenth. */
export const reservationsMax = 1_600_000;
const lengthDaysMax = 31;
const dayMs = 86_400_000;

export const programmeName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,47}$/)
  .describe('1 to 48 small letters, digits or dashes: the name in the address of its page');

const title = z.string().trim().min(1).max(80);
const userId = z.number().int().min(1).max(userIdMax);

/** What a programme consists of, as the room service keeps it. */
export const programmeDraft = z
  .object({
    titles: z.object({ en: title, zh: title }),
    text: z.string().trim().max(2000),
    startsAtMs: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
    endsAtMs: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
    angles: z
      .array(z.object({ hostId: userId, label: areaNames }))
      .min(1)
      .max(anglesMax),
    stewardIds: z.array(userId).max(stewardsMax),
  })
  .refine(({ startsAtMs, endsAtMs }) => endsAtMs > startsAtMs, 'it ends before it begins')
  .refine(({ startsAtMs, endsAtMs }) => endsAtMs - startsAtMs <= lengthDaysMax * dayMs, 'it is too long')
  .refine(({ angles }) => new Set(angles.map(({ hostId }) => hostId)).size === angles.length, 'a host twice');

export type ProgrammeDraft = z.infer<typeof programmeDraft>;

/**
 * `planned`, then `countdown` from the time at which caches are warmed; `live` while a host is on air after that;
 * `over` and `cancelled` are for good.
 */
export const programmePhases = ['planned', 'countdown', 'live', 'over', 'cancelled'] as const;
export type ProgrammePhase = (typeof programmePhases)[number];

/** Made by a browser that is not signed in, for its reservations alone. */
export const deviceToken = z
  .string()
  .regex(/^[A-Za-z0-9_-]{16,64}$/)
  .describe('16 to 64 letters, digits, dashes or underscores that this device has made at random');
