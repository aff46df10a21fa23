import { useCallback, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { useCloseOutside } from '../design/close-outside.ts';
import { Avatar } from '../design/cover.tsx';
import { Icon } from '../design/icon.tsx';
import { useWords } from '../shell/words.tsx';
import { formatCount } from '../words/index.ts';
import { ChatSettings } from './chat-settings.tsx';
import { opacityMin, type OverlayChoice } from './overlay-choice.ts';
import type { Room } from '@gala/protocol/rest';
import type { ChatView } from './store.ts';
import { useChatWords } from './chat-words.tsx';

interface ChatHeadProps {
  readonly view: ChatView;
  readonly room: Room;
  readonly overlay: OverlayChoice;
  readonly onOverlay: (choice: OverlayChoice) => void;
}

/** Name, top fans, and what may be chosen. */
export function ChatHead({ view, room, overlay, onOverlay }: ChatHeadProps) {
  const say = useChatWords();
  return (
    <header className="chat-head">
      <h2 id="chat-title">{say('title')}</h2>
      <TopFans view={view} />
      <Popover icon="settings" label={say('options')} testId="chat-options">
        <OverlayOptions overlay={overlay} onOverlay={onOverlay} />
        {view.me.role !== 'viewer' && <ChatSettings room={room} rules={view.rules} />}
      </Popover>
    </header>
  );
}

interface PopoverProps {
  readonly icon: 'settings';
  readonly label: string;
  readonly testId: string;
  readonly children: ReactNode;
}

/** A button with what it opens; Escape and a press elsewhere close it. */
function Popover({ icon, label, testId, children }: PopoverProps) {
  const [isOpen, setIsOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const close = useCallback(() => setIsOpen(false), []);
  useCloseOutside(root, isOpen, close);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape') return;
    setIsOpen(false);
    root.current?.querySelector('button')?.focus();
  };
  return (
    <div className="chat-popover" ref={root} onKeyDown={onKeyDown}>
      <button
        className="icon-button"
        aria-label={label}
        title={label}
        aria-expanded={isOpen}
        onClick={() => setIsOpen(!isOpen)}
        data-testid={testId}
      >
        <Icon name={icon} />
      </button>
      {isOpen && <div className="chat-popover-panel">{children}</div>}
    </div>
  );
}

/** The first three as faces; all of them in a list. */
function TopFans({ view }: Pick<ChatHeadProps, 'view'>) {
  const say = useChatWords();
  const { language } = useWords();
  const { rank } = view;
  if (rank.length === 0) return <span className="chat-head-space" />;
  return (
    <details className="fans" data-testid="fans">
      <summary aria-label={say('fans')} title={say('fans')}>
        {rank.slice(0, 3).map(({ userId, name }) => (
          <Avatar key={`${userId} ${name}`} name={name} />
        ))}
      </summary>
      <div className="chat-popover-panel">
        <h3>{say('fans')}</h3>
        <ol>
          {rank.map(({ userId, name, score }) => (
            <li key={`${userId} ${name}`}>
              <Avatar name={name} />
              <bdi>{name}</bdi>
              <span>{say('fans.score', { count: formatCount(language, score) })}</span>
            </li>
          ))}
        </ol>
      </div>
    </details>
  );
}

function OverlayOptions({ overlay, onOverlay }: Pick<ChatHeadProps, 'overlay' | 'onOverlay'>) {
  const say = useChatWords();
  const { isOn, opacity } = overlay;
  return (
    <div className="overlay-options">
      <label className="check">
        <input
          type="checkbox"
          checked={isOn}
          onChange={({ target }) => onOverlay({ isOn: target.checked, opacity })}
          data-testid="overlay-switch"
        />
        <span>{say('overlay.on')}</span>
      </label>
      <label className="overlay-opacity">
        <span>{say('overlay.opacity')}</span>
        <input
          type="range"
          min={opacityMin}
          max={1}
          step={0.1}
          value={opacity}
          disabled={!isOn}
          onChange={({ target }) => onOverlay({ isOn, opacity: Number(target.value) })}
        />
      </label>
    </div>
  );
}
