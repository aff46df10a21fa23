import { section } from '@gala/lib/config';
import { z } from 'zod';

/** Turns an event off that the one address for all would get. */
const off = 'off';

const address = (event: string) =>
  z
    .string()
    .refine(isAddress, 'an http or https URL without user and password, or off')
    .optional()
    .describe(event);

/** The part `hooks` of the static settings: who is asked and told about publishers and viewers. */
export const hooksSection = section(
  'hooks',
  z
    .object({
      url: address('where all events go that have no URL of their own'),
      onPublish: address('asked before a publisher goes on air; a URL, or off'),
      onUnpublish: address('told when a publisher is gone'),
      onPlay: address('asked before a viewer gets anything'),
      onStop: address('told when a viewer is gone'),
      onRecord: address('told when a recording is complete'),
      secret: z
        .string()
        .min(16)
        .optional()
        .describe('signs what is sent, 16 characters at least; better by GALA_HOOKS_SECRET_FILE'),
      timeoutMs: z.int().min(50).max(10_000).default(2_000).describe('how long an answer may take'),
      onTimeout: z
        .enum(['deny', 'allow'])
        .default('deny')
        .describe('the decision when none comes: no answer in time, an error, the breaker is open'),
      askedMax: z.int().min(1).max(10_000).default(128).describe('decisions asked for at once'),
      waitingMax: z.int().min(0).default(5_000).describe('decisions that wait for their turn'),
      queuedMax: z
        .int()
        .min(1)
        .default(10_000)
        .describe('notifications of one URL that wait; the oldest goes'),
      retryForMs: z.int().min(0).default(300_000).describe('how long a notification is tried'),
    })
    .refine(
      ({ secret, ...given }) =>
        secret !== undefined || Object.values(addressesOf(given)).every((url) => !url),
      { path: ['secret'], message: 'hooks are signed: a secret is needed' },
    ),
);

export type HooksConfig = z.output<typeof hooksSection.schema>;

export const hookEvents = ['onPublish', 'onUnpublish', 'onPlay', 'onStop', 'onRecord'] as const;
export type HookEvent = (typeof hookEvents)[number];

type Addresses = Partial<Record<HookEvent, string | undefined>> & { readonly url?: string | undefined };

/** Where each event goes; undefined: nowhere. */
export function addressesOf(given: Addresses): Record<HookEvent, string | undefined> {
  const wanted = (event: HookEvent): string | undefined => {
    const url = given[event] ?? given.url;
    return url === off ? undefined : url;
  };
  return {
    onPublish: wanted('onPublish'),
    onUnpublish: wanted('onUnpublish'),
    onPlay: wanted('onPlay'),
    onStop: wanted('onStop'),
    onRecord: wanted('onRecord'),
  };
}

function isAddress(text: string): boolean {
  if (text === off) return true;
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
}
