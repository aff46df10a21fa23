import { lazy, Suspense, type ReactNode } from 'react';
import type { PlayerState } from '../player/state.ts';
import { protocolNames, soundOnly, type PlayPreference } from '../player/support.ts';
import type { MissingCodec } from '../player/codecs.ts';
import { useWords, type Speech } from '../shell/words.tsx';

/** Fetched when there is no picture, and something may be done about it. */
const NextStep = lazy(() => import('./next-step.tsx'));

export interface PlayerMessageProps {
  readonly state: PlayerState;
  readonly hostName: string;
  readonly preference: PlayPreference;
  readonly onRetry: () => void;
  readonly onReplay?: (() => void) | undefined;
}

/** What is going on when it is not simply playing: the cause in words, and the next step. */
export function PlayerMessage(props: PlayerMessageProps) {
  return (
    <div role="status" className="player-status">
      <Message {...props} />
    </div>
  );
}

function Message({ state, hostName, preference, onRetry, onReplay }: PlayerMessageProps) {
  const { t } = useWords();
  if (state.phase === 'playing') {
    return preference.quality === soundOnly ? (
      <Words title={t('player.quality.audio')} text={hostName} light />
    ) : null;
  }
  if (state.phase === 'connecting') {
    return (
      <div className="player-message">
        <Spinner label={t('player.connecting')} />
        <FailedWays state={state} />
      </div>
    );
  }
  if (state.phase === 'held') {
    return <Words title={t('player.held.title')} text={t('player.held.text', { host: hostName })} light />;
  }
  const cause = state.cause ?? 'network-lost';
  const codecs = codecWords(t, state.missing);
  return (
    <Words
      title={t(`cause.${cause}.title`, { codecs })}
      text={t(`cause.${cause}.text`)}
      note={state.phase === 'reconnecting' && <FailedWays state={state} />}
    >
      {state.phase === 'reconnecting' && <Spinner label={t('player.reconnecting')} />}
      <Suspense fallback={null}>
        <NextStep
          cause={cause}
          state={state}
          hostName={hostName}
          preference={preference}
          onRetry={onRetry}
          onReplay={onReplay}
        />
      </Suspense>
    </Words>
  );
}

function codecWords(t: Speech['t'], missing: readonly MissingCodec[]): string {
  return missing.map(({ name, kind }) => t(`codec.${kind}`, { name })).join(', ');
}

/** Each way that failed, why, and which one is tried next. */
function FailedWays({ state }: Pick<PlayerMessageProps, 'state'>) {
  const { t } = useWords();
  const { failures, trying } = state;
  if (failures.length === 0) return null;
  return (
    <ul className="failed-ways" data-testid="failed-ways">
      {failures.map(({ protocol, cause }) => (
        <li key={protocol}>
          {protocolNames[protocol]}: {t(`player.way.${cause}`)}
        </li>
      ))}
      {trying && <li>{t('player.way.next', { way: protocolNames[trying] })}</li>}
    </ul>
  );
}

interface WordsProps {
  readonly title: string;
  readonly text: string;
  /** Only a caption: the picture behind stays visible. */
  readonly light?: boolean;
  readonly note?: ReactNode;
  /** The next steps. */
  readonly children?: ReactNode;
}

function Words({ title, text, light = false, note, children }: WordsProps) {
  return (
    <div className={`player-message${light ? ' light' : ''}`} data-testid="player-message">
      <p className="player-message-title">{title}</p>
      <p>{text}</p>
      {note}
      {children !== undefined && <div className="actions">{children}</div>}
    </div>
  );
}

function Spinner({ label }: { readonly label: string }) {
  return (
    <span className="spinner">
      <span className="spinner-ring" aria-hidden="true" />
      <span>{label}</span>
    </span>
  );
}
