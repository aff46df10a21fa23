import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { createPortal } from 'react-dom';
import type { Room } from '@gala/protocol/rest';
import { actsFor, type LineAct } from './acts.ts';
import type { CommentLine } from './lines.ts';
import { sayRefusal } from './refusal.ts';
import type { ChatStore } from './store.ts';
import type { Me } from './ticket.ts';
import { useChatWords } from './chat-words.tsx';

/** The line of which the menu is open, and the button that opened it. */
export interface LineTarget {
  readonly line: CommentLine;
  readonly anchor: HTMLElement;
}

interface LineActsProps {
  readonly target: LineTarget;
  readonly store: ChatStore;
  readonly me: Me;
  readonly room: Room;
  readonly onClose: () => void;
}

/** What may be done about a line: by its author, and by the host and moderators. What is grave is asked for once more. */
export function LineActs({ target, store, me, room, onClose }: LineActsProps) {
  const say = useChatWords();
  const dialog = useRef<HTMLDialogElement>(null);
  const [asked, setAsked] = useState<LineAct>();
  const [failed, setFailed] = useState('');
  const { line, anchor } = target;
  const { name } = line.author;
  useEffect(() => dialog.current?.showModal(), []);
  /** Where the keyboard goes on. */
  const next = useRef<HTMLElement | null>(anchor);
  const list = useRef(anchor.closest('ol'));
  const close = (): void => {
    onClose();
    next.current?.focus();
  };
  /** The line's button goes with what was said. */
  const leave = (): void => {
    next.current = list.current;
    dialog.current?.close();
  };
  const run = (act: LineAct): void => {
    if (act.ask && asked !== act) return setAsked(act);
    act.run({ line, store, room }).then(
      (code) => (code === undefined ? leave() : setFailed(sayRefusal(say, code))),
      () => setFailed(sayRefusal(say, 'NETWORK_LOST')),
    );
  };
  return createPortal(
    <dialog
      ref={dialog}
      className="dialog line-acts"
      aria-label={say('line.menu', { name })}
      onClose={close}
      onKeyDown={walkButtons}
      onClick={({ target: pressed }) => pressed === dialog.current && dialog.current?.close()}
      data-testid="line-acts"
    >
      <p className="line-acts-line">
        <bdi>{name}</bdi> {line.text}
      </p>
      {failed !== '' && (
        <p className="form-error" role="alert">
          {failed}
        </p>
      )}
      {asked ? (
        <Question act={asked} name={name} onNo={() => setAsked(undefined)} onYes={() => run(asked)} />
      ) : (
        actsFor(line, me).map((act) => (
          <button
            key={act.word}
            className={`line-act${act.ask ? ' danger' : ''}`}
            onClick={() => run(act)}
            data-testid={act.word}
          >
            {say(act.word)}
          </button>
        ))
      )}
    </dialog>,
    document.body,
  );
}

interface QuestionProps {
  readonly act: LineAct;
  readonly name: string;
  readonly onNo: () => void;
  readonly onYes: () => void;
}

function Question({ act, name, onNo, onYes }: QuestionProps) {
  const say = useChatWords();
  return (
    <div className="line-acts-ask">
      <p>{act.ask && say(act.ask, { name })}</p>
      <div className="actions">
        <button className="button" onClick={onNo}>
          {say('cancel')}
        </button>
        <button className="button danger" onClick={onYes} data-testid="act-yes">
          {say(act.word)}
        </button>
      </div>
    </div>
  );
}

/** As in a menu. */
function walkButtons(event: KeyboardEvent<HTMLElement>): void {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (step === undefined) return;
  const buttons = [...event.currentTarget.querySelectorAll('button')];
  const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
  buttons[(at + step + buttons.length) % buttons.length]?.focus();
  event.preventDefault();
}
