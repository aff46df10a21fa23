import { z } from 'zod';
import { ownStateParts } from '../signals/index.ts';
import { userId } from './schemas.ts';

/** Of one value, as text: it goes to every client of the room. */
const jsonLengthMax = 8192;
const own: readonly string[] = ownStateParts;
const name = z.string().regex(/^[\w.-]{1,64}$/);

const json = z
  .unknown()
  .default(null)
  .refine((value) => JSON.stringify(value).length <= jsonLengthMax, `JSON of more than ${jsonLengthMax}`)
  .describe(`any JSON, ${jsonLengthMax} characters at most`);

export const noticeOrder = z
  .strictObject({
    class: z.enum(['control', 'system', 'host']).describe('control is durable before it is answered'),
    name: name.describe('says what `data` is'),
    data: json,
  })
  .meta({ id: 'NoticeOrder' });

export const giftOrder = z
  .strictObject({
    author: z.strictObject({ userId, name: z.string().min(1).max(64) }),
    giftId: z.string().regex(/^[\w.:-]{1,64}$/),
    count: z.int().min(1).max(1_000_000).default(1).describe('how many in this combo'),
    entryId: z
      .string()
      .regex(/^[\w.:/-]{0,64}$/)
      .default('')
      .describe("of the wallet's ledger; empty for none"),
  })
  .describe('of the class money: durable before it is answered, in order, never shed')
  .meta({ id: 'GiftOrder' });

export const stateOrder = z
  .strictObject({
    name: name
      .refine((value) => !own.includes(value), 'a part that Gala writes')
      .describe(`another one than ${own.join(', ')}`),
    value: json,
  })
  .meta({ id: 'StateOrder' });

export const peerOrder = z
  .strictObject({
    userIds: z.array(userId).min(1).max(1000),
    notice: noticeOrder,
  })
  .describe('to the connections that these users have in the room now, and to nobody else')
  .meta({ id: 'PeerOrder' });

const orders = ['notice', 'gift', 'state', 'peer'] as const;

export const publishOrder = z
  .strictObject({
    publishId: z
      .string()
      .regex(/^[\w.:/-]{1,64}$/)
      .describe('said again with the same one within half a minute it counts once'),
    notice: noticeOrder.optional(),
    gift: giftOrder.optional(),
    state: stateOrder.optional(),
    peer: peerOrder.optional(),
  })
  .refine((body) => orders.filter((each) => body[each] !== undefined).length === 1, {
    error: `one of ${orders.join(', ')}`,
  });

export const published = z
  .object({
    signalId: z.string().describe('of control and money, as clients see it; empty for the others'),
    reached: z.int().min(0).describe('connections that a peer signal went to; 0 for the others'),
  })
  .meta({ id: 'Published' });
