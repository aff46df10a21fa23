import { useState, type KeyboardEvent, type SubmitEvent } from 'react';
import { useNow } from '../design/room-badges.tsx';
import { useWords } from '../shell/words.tsx';
import { formatCount } from '../words/index.ts';
import { commentLengthMax, composerState, remainingOf, type ComposerState } from './composer.ts';
import { ruleList } from './line.tsx';
import { sayRefusal } from './refusal.ts';
import { SignInDialog } from './sign-in-dialog.tsx';
import { ChatIcon } from './chat-icon.tsx';
import type { ChatStore, ChatView } from './store.ts';
import { useChatWords, type Say } from './chat-words.tsx';

interface ComposerFormProps {
  readonly store: ChatStore;
  readonly view: ChatView;
  readonly onSignedIn: () => void;
}

/** Where one speaks and likes; what stands in the way is said above, with the time that is left. */
export function ComposerForm({ store, view, onSignedIn }: ComposerFormProps) {
  const say = useChatWords();
  const [text, setText] = useState('');
  const nowMs = useNow();
  const { rules, obstacle, me } = view;
  const isOpen = view.status === 'open';
  const state = composerState({ text, isOpen, rules, role: me.role, obstacle, nowMs });
  const send = (): void => {
    if (composerState({ text, isOpen, rules, role: me.role, obstacle, nowMs: Date.now() }).kind !== 'ready')
      return;
    void store.comment(text.trim());
    setText('');
  };
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    send();
  };
  return (
    <div className="composer" data-testid="composer" data-composer={state.kind}>
      <RuleNotes view={view} />
      <Obstacle state={state} />
      {me.userId === 0 && isOpen && <GuestHint onSignedIn={onSignedIn} />}
      <form className="composer-row" onSubmit={submit}>
        <textarea
          className="composer-text"
          rows={1}
          value={text}
          onChange={(event) => setText(event.target.value.replaceAll('\n', ' '))}
          onKeyDown={(event) => sendOnEnter(event, send)}
          placeholder={say('placeholder')}
          aria-label={say('message')}
          aria-describedby="composer-left"
          maxLength={commentLengthMax * 4}
          enterKeyHint="send"
          data-testid="chat-input"
        />
        <button
          className="composer-send"
          aria-label={say('send')}
          title={say('send')}
          disabled={state.kind !== 'ready'}
          data-testid="chat-send"
        >
          <ChatIcon name="send" />
        </button>
        <LikeButton store={store} view={view} />
      </form>
      <p id="composer-left" className="composer-left" aria-live="polite">
        {remainingWords(say, text)}
      </p>
    </div>
  );
}

/** Enter sends; not the one that ends the choice of a Chinese or Japanese word. */
function sendOnEnter(event: KeyboardEvent, send: () => void): void {
  if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
  event.preventDefault();
  send();
}

function RuleNotes({ view }: Pick<ComposerFormProps, 'view'>) {
  const say = useChatWords();
  const words = ruleList(say, view.rules);
  if (words.length === 0) return null;
  return (
    <p className="composer-rules" data-testid="chat-rules">
      {words.map((word) => (
        <span key={word} className="composer-rule">
          {word}
        </span>
      ))}
    </p>
  );
}

function Obstacle({ state }: { readonly state: ComposerState }) {
  const say = useChatWords();
  const words = state.kind === 'blocked' ? sayRefusal(say, state.code, state.seconds) : '';
  return (
    <p className="composer-obstacle" role="alert" data-testid="chat-obstacle">
      {words}
    </p>
  );
}

function GuestHint({ onSignedIn }: Pick<ComposerFormProps, 'onSignedIn'>) {
  const say = useChatWords();
  const [isAsked, setIsAsked] = useState(false);
  return (
    <p className="composer-guest" data-testid="chat-guest">
      {say('guest')}{' '}
      <button
        type="button"
        className="link-button"
        onClick={() => setIsAsked(true)}
        data-testid="chat-sign-in"
      >
        {say('signIn')}
      </button>
      {isAsked && <SignInDialog onSignedIn={onSignedIn} onClose={() => setIsAsked(false)} />}
    </p>
  );
}

function LikeButton({ store, view }: Pick<ComposerFormProps, 'store' | 'view'>) {
  const say = useChatWords();
  const { language } = useWords();
  const { likes = 0 } = view;
  return (
    <button
      type="button"
      className="like-button"
      onClick={() => store.like()}
      disabled={view.status !== 'open'}
      aria-label={say('like')}
      title={say('likes', { count: new Intl.NumberFormat(language).format(likes) })}
      data-testid="like"
    >
      <ChatIcon name="heart" />
      {likes > 0 && <span data-testid="likes">{formatCount(language, likes)}</span>}
    </button>
  );
}

function remainingWords(say: Say, text: string): string {
  const left = remainingOf(text);
  if (left === undefined) return '';
  if (left < 0) return say('left.over', { count: -left });
  return left === 1 ? say('left.one') : say('left.many', { count: left });
}
