import { lazy, Suspense, useCallback, useRef, useState, type KeyboardEvent } from 'react';
import { useCloseOutside } from '../design/close-outside.ts';
import { Icon } from '../design/icon.tsx';
import type { PlayerState } from '../player/state.ts';
import { soundOnly, type PlayPreference } from '../player/support.ts';
import { useWords, type Speech } from '../shell/words.tsx';

/** Fetched when the menu is opened. */
const PlayerChoices = lazy(() => import('./player-choices.tsx'));

export interface PlayerMenuProps {
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
      <Suspense fallback={null}>{open && <PlayerChoices preference={preference} state={state} />}</Suspense>
    </div>
  );
}

/** What the button says: a quality that was chosen matters more to most than the latency. */
function summary(t: Speech['t'], { quality, latency }: PlayPreference): string {
  if (quality === soundOnly) return t('player.quality.audio');
  return quality ?? t(`player.latency.${latency}`);
}
