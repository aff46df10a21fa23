import type { ReactNode } from 'react';
import { Icon } from '../design/icon.tsx';
import type { FailureCause, PlayerState } from '../player/state.ts';
import { protocolNames, soundOnly, type PlayPreference } from '../player/support.ts';
import { Link } from '../shell/link.tsx';
import { pathBelowBase } from '../shell/route.ts';
import type { MissingCodec } from '../player/codecs.ts';
import { useWords, type Speech } from '../shell/words.tsx';
import { choosePreference } from './choice.ts';

interface PlayerMessageProps {
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
      <NextStep
        cause={cause}
        state={state}
        hostName={hostName}
        preference={preference}
        onRetry={onRetry}
        onReplay={onReplay}
      />
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

interface NextStepProps extends PlayerMessageProps {
  readonly cause: FailureCause;
}

function NextStep({ cause, state, hostName, preference, onRetry, onReplay }: NextStepProps) {
  const { t } = useWords();
  if (state.missing.length > 0 && state.missing.every(({ kind }) => kind === 'video')) return <SoundStep />;
  if (cause === 'not-on-air') return null;
  if (cause === 'room-private') return <StepLink to="/host" words={t('player.signIn')} />;
  if (cause === 'room-ended') {
    const hostPath = `/@${hostName}`;
    return (
      <>
        {onReplay && (
          <button className="button on-picture" onClick={onReplay} data-testid="watch-replay">
            <Icon name="play" />
            {t('replay.watch')}
          </button>
        )}
        <StepLink to="/" words={t('player.toHome')} quiet={onReplay !== undefined} />
        {hostPath !== pathBelowBase() && (
          <StepLink to={hostPath} words={t('player.toHost', { host: hostName })} quiet />
        )}
      </>
    );
  }
  if (cause === 'room-unknown' || cause === 'host-unknown') {
    return <StepLink to="/" words={t('player.toHome')} />;
  }
  return (
    <>
      {preference.protocol !== undefined && <AutomaticStep />}
      <button className="button on-picture" onClick={onRetry} data-testid="player-retry">
        <Icon name="refresh" />
        {t('player.retry')}
      </button>
    </>
  );
}

/** The viewer has chosen a way that does not work here. */
function AutomaticStep() {
  const { t } = useWords();
  return (
    <button className="button on-picture" onClick={() => choosePreference('protocol', undefined)}>
      {t('player.protocol.choose')}
    </button>
  );
}

/** Pictures that cannot be decoded here leave the sound. */
function SoundStep() {
  const { t } = useWords();
  return (
    <button className="button on-picture" onClick={() => choosePreference('quality', soundOnly)}>
      <Icon name="soundOn" />
      {t('player.quality.audio')}
    </button>
  );
}

function StepLink({
  to,
  words,
  quiet = false,
}: {
  readonly to: string;
  readonly words: string;
  readonly quiet?: boolean;
}) {
  return (
    <Link to={to} className={`button ${quiet ? 'on-picture' : 'primary'}`}>
      {words}
    </Link>
  );
}
