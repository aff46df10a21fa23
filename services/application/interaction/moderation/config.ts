import { section } from '@gala/lib/config';
import type { Context } from '@gala/lib/lifecycle';
import { z } from 'zod';
import { defaultLimits, type LimitsConfig } from '../rules/limits.ts';

const limit = ({ perSecond, burst }: LimitsConfig['commentsPerUser']) =>
  z
    .object({
      perSecond: z.number().min(0.001).max(1e6).default(perSecond),
      burst: z.int().min(1).max(1e6).default(burst),
    })
    .prefault({});

/** The part `chat`: how fast may be spoken. What hosts decide for their own rooms is no setting. */
export const chatSection = section(
  'chat',
  z.object({
    commentsPerUser: limit(defaultLimits.commentsPerUser).describe('of one user, over all rooms'),
    commentsPerDevice: limit(defaultLimits.commentsPerDevice).describe('of one device'),
    commentsPerAddress: limit(defaultLimits.commentsPerAddress).describe('of one address (IPv6: /64)'),
    commentsPerStaff: limit(defaultLimits.commentsPerStaff).describe(
      'of one host, moderator or operator, instead of the three above',
    ),
    likesPerUser: limit(defaultLimits.likesPerUser).describe('messages with likes, of one user or device'),
    likesPerAddress: limit(defaultLimits.likesPerAddress),
    commentsPerRoom: limit(defaultLimits.commentsPerRoom).describe(
      'of the viewers of one room; beyond, they are told ROOM_BUSY',
    ),
    keysMax: z
      .int()
      .min(100)
      .max(10_000_000)
      .default(defaultLimits.keysMax)
      .describe('users, devices and addresses that each limit remembers'),
  }),
);

export function readChatConfig({ settings }: Pick<Context, 'settings'>): LimitsConfig {
  return settings.get(chatSection);
}
