import type { Context } from '@gala/lib/lifecycle';
import { ModerationService } from '@gala/protocol/moderation';
import { SpeakLimits } from '../rules/limits.ts';
import { Admission } from './admission.ts';
import { Chats } from './chats.ts';
import { readChatConfig } from './config.ts';
import { ModerationEvents } from './events.ts';
import { Follows } from './follows.ts';
import { Moderation } from './moderation.ts';
import { ownedRooms, type Owner } from './owned-rooms.ts';
import { createModerationHandlers } from './routes.ts';
import { SiteSanctions } from './site-sanctions.ts';

export { chatSection } from './config.ts';

export interface OpenedChats extends AsyncDisposable {
  /** What rooms are opened with. */
  readonly chats: Chats;
  /** Answers ModerationService for the rooms that are owned here. */
  serve(owner: Owner): Promise<AsyncDisposable>;
}

type Parts = Pick<Context, 'sql' | 'coord' | 'clock' | 'logger' | 'metrics' | 'settings' | 'rpc'>;

/** Rules and sanctions of the rooms of this process. */
export async function openChats(context: Parts): Promise<OpenedChats> {
  const { sql, coord, clock, metrics, rpc } = context;
  const events = new ModerationEvents(context);
  const limits = new SpeakLimits(readChatConfig(context), clock);
  const siteSanctions = await SiteSanctions.open({ sql, coord, clock, events });
  const chats = new Chats({ sql, clock, events, limits, siteSanctions });
  const admission = new Admission({ sql, clock, siteSanctions });
  metrics.labelledCounters({
    name: 'gala_moderation_outcomes_total',
    help: 'what the rules made of what viewers said: say, shadow, hold, or the code of the refusal',
    labelNames: ['outcome'],
    read: () => Array.from(chats.outcomes, ([outcome, value]) => ({ labels: { outcome }, value })),
  });
  metrics.gauge('gala_moderation_held', 'comments that wait for a moderator', () => chats.held);
  metrics.gauge('gala_moderation_limit_keys', 'users, devices and addresses with a limit', () => limits.size);
  metrics.gauge('gala_moderation_limit_evicted', 'of those, forgotten at the bound', () => limits.evicted);
  return {
    chats,
    serve: (owner) => {
      const rooms = ownedRooms(owner, rpc, events);
      const parts = { sql, clock, events, chats, siteSanctions, admission, rooms };
      const moderation = new Moderation(parts);
      const follows = new Follows(parts);
      return rpc.serve(
        ModerationService,
        createModerationHandlers({ moderation, admission, follows, clock }),
      );
    },
    [Symbol.asyncDispose]: () => siteSanctions[Symbol.asyncDispose](),
  };
}
