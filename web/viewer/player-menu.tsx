import { useCallback, useEffect, useRef, useState, type KeyboardEvent, type RefObject } from 'react';
import { Icon } from '../design/icon.tsx';
import { latencies } from '../player/latency.ts';
import type { PlayerState } from '../player/state.ts';
import { protocolNames, protocols, soundOnly, type PlayPreference } from '../player/support.ts';
import { useWords, type Speech } from '../shell/words.tsx';
import { choosePreference } from './choice.ts';

interface PlayerMenuProps {
  readonly preference: PlayPreference;
  readonly state: PlayerState;
}

/** Quality, latency and connection. The choice is part of the address, so that it can be kept and passed on. */
export function PlayerMenu({ preference, state }: PlayerMenuProps) {
  const { t } = useWords();
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const close = useCallback(() => setOpen(false), []);
  useCloseOutside(root, open, close);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Escape') return;
    setOpen(false);
    root.current?.querySelector('button')?.focus();
  };
  return (
    <div className="menu" ref={root} onKeyDown={onKeyDown}>
      <button
        className="control with-words"
        aria-expanded={open}
        aria-label={t('player.settings')}
        title={t('player.settings')}
        onClick={() => setOpen(!open)}
        data-testid="player-menu"
      >
        <Icon name="settings" />
        <span>{summary(t, preference)}</span>
      </button>
      {open && <Choices preference={preference} state={state} />}
    </div>
  );
}

/** What the button says: a quality that was chosen matters more to most than the latency. */
function summary(t: Speech['t'], { quality, latency }: PlayPreference): string {
  if (quality === soundOnly) return t('player.quality.audio');
  return quality ?? t(`player.latency.${latency}`);
}

function Choices({ preference, state }: PlayerMenuProps) {
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

function useCloseOutside(root: RefObject<HTMLElement | null>, open: boolean, close: () => void): void {
  useEffect(() => {
    if (!open) return undefined;
    const onPress = (event: PointerEvent): void => {
      if (!(event.target instanceof Node) || !root.current?.contains(event.target)) close();
    };
    document.addEventListener('pointerdown', onPress);
    return () => document.removeEventListener('pointerdown', onPress);
  }, [open, root, close]);
}
