import { useEffect, useState } from 'react';
import type { Room } from '@gala/protocol/rest';
import { useWords } from '../shell/words.tsx';
import { formatCount, formatDuration, type Word } from '../words/index.ts';
import { Icon } from './icon.tsx';

/** LIVE, back soon, ended, not on air. */
export function StateBadge({ state }: { readonly state: Room['state'] }) {
  const { t } = useWords();
  return (
    <span className={`badge state-${state}`} data-testid="state-badge">
      {t(`room.${state}`)}
    </span>
  );
}

export function Viewers({ count, short = false }: { readonly count: number; readonly short?: boolean }) {
  const { t, language } = useWords();
  const word: Word = count === 1 ? 'room.viewers.one' : 'room.viewers.many';
  const exact = t(word, { count: new Intl.NumberFormat(language).format(count) });
  const compact = formatCount(language, count);
  return (
    <span className="meter" title={exact} data-testid="viewers">
      <Icon name="eye" />
      <span aria-hidden={short}>{short ? compact : t(word, { count: compact })}</span>
      {short && <span className="visually-hidden">{exact}</span>}
    </span>
  );
}

/** Time on air, counted on every second. */
export function LiveClock({ startedAtMs }: { readonly startedAtMs: number }) {
  const { t } = useWords();
  const duration = formatDuration(useNow() - startedAtMs);
  return (
    <span className="meter" title={t('room.duration', { duration })} data-testid="live-clock">
      <Icon name="clock" />
      <span role="timer" aria-live="off">
        {duration}
      </span>
    </span>
  );
}

/** The wall clock in milliseconds, renewed once a second. */
export function useNow(): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}
