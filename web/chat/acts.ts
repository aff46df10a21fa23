import type { Room } from '@gala/protocol/rest';
import { ApiError } from '@gala/sdk/room';
import { client } from '../shell/client.ts';
import type { CommentLine } from './lines.ts';
import type { ChatStore } from './store.ts';
import type { Me } from './ticket.ts';
import type { ChatWord } from './chat-words.tsx';

interface ActInput {
  readonly line: CommentLine;
  readonly store: ChatStore;
  readonly room: Room;
}

export interface LineAct {
  readonly word: ChatWord;
  /** What is asked before it is done. */
  readonly ask?: ChatWord;
  /** The code of a refusal; undefined when it is done. */
  readonly run: (input: ActInput) => Promise<string | undefined>;
}

const muteSeconds = 600;
/** Until it is taken back. */
const forever = 0;

const retract: LineAct = {
  word: 'act.retract',
  run: ({ line, store }) => store.retract(line.signalId),
};

const sanctions: readonly LineAct[] = [
  { word: 'act.mute', run: sanction('mute', muteSeconds) },
  { word: 'act.muteForever', ask: 'ask.muteForever', run: sanction('mute', forever) },
  { word: 'act.shadow', ask: 'ask.shadow', run: sanction('shadow', forever) },
  { word: 'act.ban', ask: 'ask.ban', run: sanction('ban', forever) },
];

/** What this reader may do about the line: the server decides, this only leaves out what it would refuse. */
export function actsFor({ isOwn, author }: CommentLine, { role }: Me): readonly LineAct[] {
  const isStaff = role !== 'viewer';
  const mayBind = isStaff && !isOwn && author.userId !== 0 && author.role === 'viewer';
  return mayBind ? [retract, ...sanctions] : [retract];
}

/** A mute for ten minutes leaves what was said; the others take it away. */
function sanction(sanctionKind: 'mute' | 'ban' | 'shadow', seconds: number): LineAct['run'] {
  return async ({ line, room }) => {
    const target = { hostRef: room.hostId, userRef: line.author.userId, sanctionKind };
    const removes = sanctionKind === 'ban';
    try {
      await client.sanctionUser({ ...target, seconds, removes, reason: '' });
      return undefined;
    } catch (error) {
      if (error instanceof ApiError) return error.code;
      throw error;
    }
  };
}
