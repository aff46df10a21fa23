import { z } from 'zod';
import { deliveries } from '../signals/index.ts';
import { timeMs, userId } from './schemas.ts';

export const actReason = z.string().max(120).default('').describe('why; it is logged with who asked');
const version = z.number().int().min(0).describe('grows with every change; 0 while nothing was changed');

export const chatSettings = z
  .object({
    slowModeSeconds: z.number().int().min(0).max(3600).describe('between two comments of one user; 0: off'),
    followersOnly: z.boolean(),
    followedMinutesMin: z
      .number()
      .int()
      .min(0)
      .max(129_600)
      .describe('how long a follower must have followed'),
    emoteOnly: z.boolean().describe('nothing but emoji and `:name:`'),
    uniqueChat: z.boolean().describe('what was said is not said again for a while, by anyone'),
    uniqueChatSeconds: z.number().int().min(1).max(3600),
    holdsAll: z.boolean().describe('every comment waits for a moderator'),
    isClosed: z.boolean().describe('only host and moderators may speak'),
    guestsMaySpeak: z.boolean().describe('also who has not signed in'),
    links: z.enum(['allow', 'hold', 'refuse']),
    delivery: z.enum(deliveries),
  })
  .meta({ id: 'ChatSettings' });

export const chat = z.object({ settings: chatSettings, version }).meta({ id: 'Chat' });

export const sanctionKind = z.enum(['mute', 'ban', 'shadow']);

export const sanction = z
  .object({
    userId,
    name: z.string().describe('as it was when he was sanctioned'),
    kind: sanctionKind,
    untilMs: timeMs.describe('0: until it is taken back'),
    by: z.number().int().describe('user id; 0 for the operator token'),
    reason: z.string(),
    createdAtMs: timeMs,
  })
  .meta({ id: 'Sanction' });

export const sanctionOrder = z.object({
  seconds: z.number().int().min(0).max(316_224_000).default(0).describe('0: until it is taken back'),
  removes: z.boolean().default(false).describe('all that he has said in the room goes as well'),
  reason: actReason,
});

export const moderator = z.object({ userId, name: z.string(), sinceMs: timeMs }).meta({ id: 'Moderator' });

const word = z.string().min(1).max(64);
const words = z.array(word).max(10_000);

/** Words by what is done with a comment that has one; all lists together have at most 10,000. */
export const chatWords = z
  .object({ refuse: words, hold: words, mask: words })
  .describe('whole words; `*` at the beginning or end stands for the rest of a longer one')
  .meta({ id: 'ChatWords' });

export const chatWordList = z.object({ words: chatWords, version }).meta({ id: 'ChatWordList' });

export const heldComment = z
  .object({
    signalId: z.string(),
    userId,
    name: z.string(),
    text: z.string(),
    heldAtMs: timeMs,
    reason: z.enum(['all', 'word', 'link']),
  })
  .meta({ id: 'HeldComment' });

export const follow = z
  .object({
    followers: z.number().int(),
    followedAtMs: timeMs.optional().describe('of the caller; absent when he does not follow'),
  })
  .meta({ id: 'Follow' });
