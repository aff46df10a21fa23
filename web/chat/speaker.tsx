import { useEffect, useState } from 'react';
import type { CommentSignal } from '@gala/protocol/signals';
import type { ChatStore } from './store.ts';
import { useChatWords } from './chat-words.tsx';

/** A busy room is not read out word by word: so often, and so many lines at a time; the rest is counted. */
const everyMs = 3_000;
const linesMax = 3;

/** Reads the newest lines to those who hear the page. */
export function Speaker({ store }: { readonly store: ChatStore }) {
  const say = useChatWords();
  const [spoken, setSpoken] = useState<readonly CommentSignal[]>([]);
  const [more, setMore] = useState(0);
  useEffect(() => {
    let newest: CommentSignal[] = [];
    let count = 0;
    const leave = store.onSignals((signals) => {
      const comments = signals.filter((signal) => signal.type === 'comment');
      count += comments.length;
      newest = [...newest, ...comments].slice(-linesMax);
    });
    const timer = setInterval(() => {
      if (count === 0) return;
      setSpoken(newest);
      setMore(count - newest.length);
      newest = [];
      count = 0;
    }, everyMs);
    return () => {
      leave();
      clearInterval(timer);
    };
  }, [store]);
  return (
    <div
      className="visually-hidden"
      role="log"
      aria-live="polite"
      aria-label={say('log')}
      data-testid="chat-spoken"
    >
      {spoken.map(({ signalId, offset, author, text }) => (
        <p key={`${signalId} ${offset}`}>{say('spoken.line', { name: author.name, text })}</p>
      ))}
      {more > 0 && <p>{say('spoken.more', { count: more })}</p>}
    </div>
  );
}
