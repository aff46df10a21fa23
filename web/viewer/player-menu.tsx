import { useCallback, useEffect, useRef, useState, type KeyboardEvent, type RefObject } from 'react';
import { Icon } from '../design/icon.tsx';
import { latencies } from '../player/latency.ts';
import { protocols, type PlayPreference } from '../player/support.ts';
import { go } from '../shell/navigation.ts';
import { pathBelowBase } from '../shell/route.ts';
import { useWords } from '../shell/words.tsx';

const protocolNames = { 'ws-flv': 'WebSocket-FLV', 'http-flv': 'HTTP-FLV' } as const;

/** Latency and connection. The choice is part of the address, so that it can be kept and passed on. */
export function PlayerMenu({ preference }: { readonly preference: PlayPreference }) {
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
        <span>{t(`player.latency.${preference.latency}`)}</span>
      </button>
      {open && <Choices preference={preference} />}
    </div>
  );
}

function Choices({ preference }: { readonly preference: PlayPreference }) {
  const { t } = useWords();
  return (
    <div className="menu-panel">
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
      <fieldset>
        <legend>{t('player.protocol')}</legend>
        {[undefined, ...protocols].map((protocol) => (
          <Choice
            key={protocol ?? 'auto'}
            name="protocol"
            value={protocol}
            words={protocol ? protocolNames[protocol] : t('player.protocol.auto')}
            checked={preference.protocol === protocol}
          />
        ))}
      </fieldset>
    </div>
  );
}

interface ChoiceProps {
  readonly name: 'latency' | 'protocol';
  readonly value: string | undefined;
  readonly words: string;
  readonly text?: string;
  readonly checked: boolean;
}

function Choice({ name, value, words, text, checked }: ChoiceProps) {
  return (
    <label className="choice">
      <input type="radio" name={name} checked={checked} onChange={() => choose(name, value)} />
      <span>
        {words}
        {text !== undefined && <small>{text}</small>}
      </span>
    </label>
  );
}

function choose(name: string, value: string | undefined): void {
  const query = new URLSearchParams(location.search);
  if (value === undefined) query.delete(name);
  else query.set(name, value);
  go(`${pathBelowBase()}${query.size === 0 ? '' : `?${query.toString()}`}`, { replace: true });
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
