import { useNow } from '../design/room-badges.tsx';
import type { ChatView } from './store.ts';
import { useChatWords, type Say } from './chat-words.tsx';
import { sayRefusal } from './refusal.ts';

/** How the connection of the chat is, while it is not simply open. */
export function StatusLine({ view }: { readonly view: ChatView }) {
  const say = useChatWords();
  const nowMs = useNow();
  const words = statusWords(say, view, nowMs);
  return (
    <p className="chat-status" role="status" data-testid="chat-status" data-status={view.status}>
      {words}
    </p>
  );
}

function statusWords(say: Say, { status, code, retryAtMs }: ChatView, nowMs: number): string {
  if (status === 'open' || status === 'idle') return '';
  if (status === 'connecting') return say('status.connecting');
  if (status === 'closed') return sayRefusal(say, code === '' ? 'NETWORK_LOST' : code);
  return say('status.waiting', { seconds: Math.max(1, Math.ceil((retryAtMs - nowMs) / 1000)) });
}
