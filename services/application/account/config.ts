import { section, type Settings } from '@gala/lib/config';
import { regionCount } from '@gala/protocol/ids';
import { z } from 'zod';

const count = (defaultCount: number, max: number) => z.number().int().min(1).max(max).default(defaultCount);

/** The part `account` of the static settings. */
export const accountSection = section(
  'account',
  z.object({
    region: z
      .number()
      .int()
      .min(0)
      .max(regionCount - 1)
      .default(0)
      .describe('region of the users registered here; part of their ids for good'),
    sessionDays: count(30, 365).describe('life of a sign-in'),
    signingKeyDays: count(30, 365).describe('age at which the key that signs play URLs is replaced'),
    triesPerNameMax: count(10, 1000).describe('failed sign-ins of one name within the window'),
    triesPerAddressMax: count(50, 100_000).describe('failed sign-ins from one address within the window'),
    tryWindowSeconds: count(600, 86_400),
    hashesAtOnceMax: count(2, 64).describe('passwords hashed at once; each takes 19 MiB and a thread'),
    hashesWaitingMax: count(64, 10_000).describe('sign-ins that wait for a hash; more are refused'),
    authCacheMs: count(5000, 60_000).describe('how long another process may honour what was revoked here'),
    cacheEntriesMax: count(10_000, 1_000_000),
  }),
);

export type AccountConfig = ReturnType<typeof readConfig>;

export function readConfig(settings: Settings) {
  return settings.get(accountSection);
}
