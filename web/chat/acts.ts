import type { Room } from '@gala/protocol/rest';
import type { CommentLine } from './lines.ts';
import type { ChatStore } from './store.ts';
import type { Me } from './ticket.ts';
import type { ChatWord } from './words.tsx';

interface ActInput {
  readonly line: CommentLine;
  readonly store: ChatStore;
  readonly room: Room;
}

export interface LineAct {
  readonly word: ChatWord;
  /** What is asked before it is done. */
  readonly ask?: ChatWord;
  readonly isGrave: boolean;
  /** The code of a refusal; undefined when it is done. */
  readonly run: (input: ActInput) => Promise<string | undefined>;
}

const retract: LineAct = {
  word: 'act.retract',
  isGrave: false,
  run: ({ line, store }) => store.retract(line.signalId),
};

/** What this reader may do about the line: the server decides, this only leaves out what it would refuse. */
export function actsFor(line: CommentLine, me: Me): readonly LineAct[] {
  return line.isOwn || me.role === 'viewer' ? [retract] : [retract];
}
