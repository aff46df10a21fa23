import { latencies } from '../player/latency.ts';
import type { PlayerState } from '../player/state.ts';
import { protocolNames, protocols, soundOnly, type PlayPreference } from '../player/support.ts';
import { useWords } from '../shell/words.tsx';
import { choosePreference } from './choice.ts';
import type { PlayerMenuProps } from './player-menu.tsx';

/** What the menu of the player offers, with what is chosen now. */
export default function PlayerChoices({ preference, state }: PlayerMenuProps) {
  const { t } = useWords();
  return (
    <div className="menu-panel" data-testid="player-menu-panel">
      <ChangeNote change={state.change} />
      <QualityChoices preference={preference} state={state} />
      <fieldset>
        <legend>{t('player.latency')}</legend>
        {latencies.map((latency) => (
          <Choice
            key={latency}
            name="latency"
            value={latency}
            words={t(`player.latency.${latency}`)}
            text={t(`player.latency.${latency}.text`)}
            checked={preference.latency === latency}
          />
        ))}
      </fieldset>
      <ProtocolChoices preference={preference} state={state} />
    </div>
  );
}

function ChangeNote({ change }: Pick<PlayerState, 'change'>) {
  const { t } = useWords();
  return (
    <p className="menu-note" role="status">
      {change !== 'none' && t(`player.change.${change}`)}
    </p>
  );
}

function QualityChoices({ preference, state }: PlayerMenuProps) {
  const { t } = useWords();
  const { quality } = preference;
  const isListed = quality === soundOnly || state.renditions.includes(quality ?? '');
  return (
    <fieldset>
      <legend>{t('player.quality')}</legend>
      <Choice name="quality" value={undefined} words={t('player.quality.source')} checked={!isListed} />
      {state.renditions.map((name) => (
        <Choice key={name} name="quality" value={name} words={name} checked={quality === name} />
      ))}
      <Choice
        name="quality"
        value={soundOnly}
        words={t('player.quality.audio')}
        text={t('player.quality.audio.text')}
        checked={quality === soundOnly}
      />
    </fieldset>
  );
}

function ProtocolChoices({ preference, state }: PlayerMenuProps) {
  const { t } = useWords();
  const automatic = preference.protocol === undefined;
  return (
    <fieldset>
      <legend>{t('player.protocol')}</legend>
      <Choice
        name="protocol"
        value={undefined}
        words={t('player.protocol.auto')}
        {...(automatic && state.way && { text: t('player.protocol.now', { way: protocolNames[state.way] }) })}
        checked={automatic}
      />
      {protocols.map((protocol) => {
        const failure = state.failures.find((failed) => failed.protocol === protocol);
        return (
          <Choice
            key={protocol}
            name="protocol"
            value={protocol}
            words={protocolNames[protocol]}
            {...(failure && { text: t(`player.way.${failure.cause}`) })}
            checked={preference.protocol === protocol}
          />
        );
      })}
    </fieldset>
  );
}

interface ChoiceProps {
  readonly name: keyof PlayPreference;
  readonly value: string | undefined;
  readonly words: string;
  readonly text?: string;
  readonly checked: boolean;
}

function Choice({ name, value, words, text, checked }: ChoiceProps) {
  return (
    <label className="choice">
      <input type="radio" name={name} checked={checked} onChange={() => choosePreference(name, value)} />
      <span>
        {words}
        {text !== undefined && <small>{text}</small>}
      </span>
    </label>
  );
}
