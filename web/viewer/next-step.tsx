import { Icon } from '../design/icon.tsx';
import type { FailureCause } from '../player/state.ts';
import { soundOnly } from '../player/support.ts';
import { Link } from '../shell/link.tsx';
import { pathBelowBase } from '../shell/route.ts';
import { useWords } from '../shell/words.tsx';
import { choosePreference } from './choice.ts';
import type { PlayerMessageProps } from './player-message.tsx';

interface NextStepProps extends PlayerMessageProps {
  readonly cause: FailureCause;
}

export default function NextStep({ cause, state, hostName, preference, onRetry, onReplay }: NextStepProps) {
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
