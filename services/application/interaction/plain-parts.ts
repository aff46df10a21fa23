import { randomBytes } from 'node:crypto';
import type { RoomRules } from '@gala/protocol/signals';
import type { Draft, Rulebook, Said, Verdict } from './types.ts';

const openRules: RoomRules = {
  slowModeSeconds: 0,
  followersOnly: false,
  emoteOnly: false,
  uniqueChat: false,
  holdsAll: false,
  isClosed: false,
  delivery: 'push',
};

/** Lets everything pass. */
export class PlainRulebook implements Rulebook {
  readonly rules = openRules;

  prepare(): undefined {}

  judge({ speaker, signal }: Said): Verdict {
    const { userId, name, role } = speaker;
    const author = { userId, name, role };
    const signalId = randomBytes(9).toString('base64url');
    if (signal.type === 'comment') {
      const { text, mediaMs } = signal;
      const seen = mediaMs === undefined ? {} : { mediaMs };
      const draft = { type: 'comment', class: 'member', signalId, author, text, count: 1, ...seen } as const;
      return { kind: 'say', drafts: [draft satisfies Draft] };
    }
    if (signal.type === 'like') {
      return { kind: 'say', drafts: [{ type: 'like', class: 'ambient', signalId: '', count: signal.count }] };
    }
    const retract = { type: 'retract', class: 'control', signalId: '', retracted: signal.signalId } as const;
    return { kind: 'say', drafts: [retract] };
  }
}
