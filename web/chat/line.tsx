import { memo, type CSSProperties, type ReactNode } from 'react';
import type { Author, RoomRules } from '@gala/protocol/signals';
import { coverArtOf } from '../design/cover-art.ts';
import { useNow } from '../design/room-badges.tsx';
import type { LineTarget } from './line-acts.tsx';
import type { ChatLine, CommentLine, OwnLine } from './lines.ts';
import { sayRefusal } from './refusal.ts';
import { ChatIcon } from './chat-icon.tsx';
import type { ChatStore } from './store.ts';
import type { Me } from './ticket.ts';
import { useChatWords, type Say } from './chat-words.tsx';

interface LineProps {
  readonly line: ChatLine;
  readonly me: Me;
  readonly store: ChatStore;
  readonly onMenu: (target: LineTarget) => void;
}

/** One line; drawn again only when it changes. */
export const Line = memo(function Line(props: LineProps) {
  const { line, store, me } = props;
  switch (line.kind) {
    case 'comment':
      return <Comment {...props} line={line} />;
    case 'own':
      return <Own line={line} store={store} me={me} />;
    default:
      return <Event line={line} />;
  }
});

function Comment({ line, me, onMenu }: LineProps & { readonly line: CommentLine }) {
  const say = useChatWords();
  const { author, text, count, isRetracted, isOwn, signalId } = line;
  const mayAct = !isRetracted && signalId !== '' && (isOwn || me.role !== 'viewer');
  return (
    <li className={`line of-${author.role}${isOwn ? ' own' : ''}`} data-signal-id={signalId}>
      <span className="line-words">
        <AuthorName author={author} isOwn={isOwn} />
        {isRetracted ? (
          <em className="line-gone">{say('retracted')}</em>
        ) : (
          <span className="line-text">{text}</span>
        )}
        {count > 1 && !isRetracted && (
          <span className="line-count" title={say('folded', { count })}>
            ×{count}
          </span>
        )}
      </span>
      {mayAct && (
        <button
          className="line-more"
          tabIndex={-1}
          data-stop
          aria-label={say('line.menu', { name: author.name })}
          aria-haspopup="menu"
          onClick={({ currentTarget }) => onMenu({ line, anchor: currentTarget })}
        >
          <ChatIcon name="more" />
        </button>
      )}
    </li>
  );
}

function AuthorName({ author, isOwn }: { readonly author: Author; readonly isOwn: boolean }) {
  const say = useChatWords();
  const { name, role } = author;
  return (
    <>
      {role !== 'viewer' && <span className={`line-badge of-${role}`}>{say(`role.${role}`)}</span>}
      <bdi className="line-name" style={{ '--name-hue': coverArtOf(name).hue } as CSSProperties}>
        {isOwn ? say('you') : name}
      </bdi>{' '}
    </>
  );
}

function Own({ line, store, me }: { readonly line: OwnLine; readonly store: ChatStore; readonly me: Me }) {
  const { text, state } = line;
  const author = { ...me, name: me.name || '–' };
  return (
    <li className={`line own is-${state.kind} of-${me.role}`} data-own={state.kind}>
      <span className="line-words">
        <AuthorName author={author} isOwn />
        <span className="line-text">{text}</span>
        <OwnNote line={line} store={store} />
      </span>
    </li>
  );
}

function OwnNote({ line, store }: { readonly line: OwnLine; readonly store: ChatStore }) {
  const say = useChatWords();
  const { state } = line;
  if (state.kind === 'sent') return null;
  if (state.kind !== 'refused') return <small className="line-note">{say(`own.${state.kind}`)}</small>;
  return (
    <small className="line-note">
      {say('own.refused')}: {sayRefusal(say, state.code)}
      <span className="line-note-acts">
        <RetryButton line={line} store={store} retryAtMs={state.retryAtMs} />
        <button className="link-button" onClick={() => store.remove(line.key)}>
          {say('own.discard')}
        </button>
      </span>
    </small>
  );
}

interface RetryButtonProps {
  readonly line: OwnLine;
  readonly store: ChatStore;
  readonly retryAtMs: number;
}

function RetryButton({ line, store, retryAtMs }: RetryButtonProps) {
  const say = useChatWords();
  const seconds = Math.ceil((retryAtMs - useNow()) / 1000);
  return (
    <button className="link-button" disabled={seconds > 0} onClick={() => store.retry(line)}>
      {say('own.retry')}
      {seconds > 0 && ` (${seconds})`}
    </button>
  );
}

function Event({ line }: { readonly line: Exclude<ChatLine, CommentLine | OwnLine> }) {
  const say = useChatWords();
  const named = (author: Author, words: ReactNode): ReactNode => (
    <>
      <bdi className="line-who">{author.name}</bdi> {words}
    </>
  );
  switch (line.kind) {
    case 'enter':
      return (
        <li className="line event">
          {named(
            line.author,
            line.count > 1 ? say('entered.others', { count: line.count - 1 }) : say('entered'),
          )}
        </li>
      );
    case 'follow':
      return <li className="line event is-follow">{named(line.author, say('followed'))}</li>;
    case 'gift':
      return (
        <li className="line event is-gift">{named(line.author, say('gifted', { count: line.count }))}</li>
      );
    case 'rules':
      return <li className="line event">{say('rules.changed', { rules: rulesWords(say, line.rules) })}</li>;
    case 'gap':
      return (
        <li className="line event is-gap" data-testid="chat-gap">
          {line.count === undefined ? say('gap') : say('gap.count', { count: line.count })}
        </li>
      );
    default:
      return <li className="line event">{say('ended')}</li>;
  }
}

/** What binds those who speak here, in a few words. */
export function rulesWords(say: Say, rules: RoomRules): string {
  const words = ruleList(say, rules);
  return words.length === 0 ? say('rule.none') : words.join(' · ');
}

export function ruleList(say: Say, rules: RoomRules): string[] {
  const { isClosed, slowModeSeconds, followersOnly, emoteOnly, uniqueChat, holdsAll } = rules;
  return [
    isClosed && say('rule.closed'),
    slowModeSeconds > 0 && say('rule.slow', { seconds: slowModeSeconds }),
    followersOnly && say('rule.followers'),
    emoteOnly && say('rule.emotes'),
    uniqueChat && say('rule.unique'),
    holdsAll && say('rule.holds'),
  ].filter((word) => word !== false);
}
