import { formatDuration } from '../words/index.ts';
import type { ChatWord, Say } from './chat-words.tsx';

/** Codes that have words of their own. */
const explained: ReadonlySet<string> = new Set([
  'SIGN_IN_TO_SPEAK',
  'MUTED',
  'BANNED',
  'CHAT_CLOSED',
  'FOLLOWERS_ONLY',
  'EMOTES_ONLY',
  'SLOW_MODE',
  'SAID_BEFORE',
  'WORD_REFUSED',
  'LINK_REFUSED',
  'TOO_FAST',
  'ROOM_BUSY',
  'COMMENT_INVALID',
  'ROOM_SILENT',
  'NOT_MODERATOR',
  'SIGNAL_UNKNOWN',
  'SIGNALS_UNDURABLE',
  'SANCTION_REFUSED',
  'CHAT_CHANGED',
  'KICKED',
  'NETWORK_LOST',
  'TIMEOUT',
  'UNAVAILABLE',
]);

/** From here on a wait is told as a clock. */
const longSeconds = 100;

/** What a refusal means to the reader, and how long it lasts; by its code, never by a message of the server. */
export function sayRefusal(say: Say, code: string, seconds?: number): string {
  const reason = say((explained.has(code) ? `code.${code}` : 'code.other') as ChatWord, { code });
  if (seconds === undefined) return reason;
  if (seconds < longSeconds) return say('wait', { reason, seconds });
  return say('wait.long', { reason, time: formatDuration(seconds * 1000) });
}
