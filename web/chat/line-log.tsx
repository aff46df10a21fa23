import { useLayoutEffect, useRef, useState, type KeyboardEvent } from 'react';
import type { Room } from '@gala/protocol/rest';
import { Line } from './line.tsx';
import { LineActs, type LineTarget } from './line-acts.tsx';
import { Speaker } from './speaker.tsx';
import { ChatIcon } from './chat-icon.tsx';
import type { ChatStore, ChatView } from './store.ts';
import { useChatWords } from './chat-words.tsx';

/** So near to the end it is the end. */
const nearPx = 40;

interface LineLogProps {
  readonly store: ChatStore;
  readonly view: ChatView;
  readonly room: Room;
}

/** The lines, newest last. It follows the newest until the reader scrolls up; then it stands still. */
export function LineLog({ store, view, room }: LineLogProps) {
  const say = useChatWords();
  const list = useRef<HTMLOListElement>(null);
  const [isBack, setIsBack] = useState(false);
  const [target, setTarget] = useState<LineTarget>();
  const { lines, waitingCount } = view;
  useLayoutEffect(() => {
    const element = list.current;
    if (element && !isBack && lines.length > 0) element.scrollTop = element.scrollHeight;
  }, [lines, isBack]);
  const onScroll = (): void => {
    const element = list.current;
    if (!element) return;
    const isNear = element.scrollHeight - element.scrollTop - element.clientHeight < nearPx;
    if (isNear === !isBack) return;
    setIsBack(!isNear);
    if (isNear) store.release();
    else store.hold();
  };
  const toNewest = (): void => {
    setIsBack(false);
    store.release();
    list.current?.focus();
  };
  return (
    <div className="chat-log">
      {lines.length === 0 && view.status === 'open' && <p className="chat-empty">{say('empty')}</p>}
      <ol
        ref={list}
        className="chat-lines"
        tabIndex={0}
        aria-label={say('log')}
        onScroll={onScroll}
        onKeyDown={(event) => walk(event, list.current)}
        data-testid="chat-lines"
      >
        {lines.map((line) => (
          <Line key={line.key} line={line} me={view.me} store={store} onMenu={setTarget} />
        ))}
      </ol>
      {isBack && (
        <button className="chat-newest" onClick={toNewest} data-testid="chat-newest">
          <ChatIcon name="down" />
          {newestWords(say, waitingCount)}
        </button>
      )}
      {target && (
        <LineActs
          key={target.line.key}
          target={target}
          store={store}
          me={view.me}
          room={room}
          onClose={() => setTarget(undefined)}
        />
      )}
      <Speaker store={store} />
    </div>
  );
}

function newestWords(say: ReturnType<typeof useChatWords>, count: number): string {
  if (count === 0) return say('newest');
  return count === 1 ? say('new.one') : say('new.many', { count: count > 99 ? '99+' : count });
}

/** Up and down go from one line's menu to the next; the lines themselves are one stop of the Tab key. */
function walk(event: KeyboardEvent, list: HTMLElement | null): void {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (step === undefined || !list) return;
  const stops = [...list.querySelectorAll<HTMLElement>('[data-stop]')];
  const at = stops.indexOf(document.activeElement as HTMLElement);
  const next = at < 0 ? stops.at(-1) : stops[at + step];
  if (!next) return;
  event.preventDefault();
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: 'nearest' });
}
