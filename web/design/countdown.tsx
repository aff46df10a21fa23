import { useWords } from '../shell/words.tsx';
import { formatDuration } from '../words/index.ts';
import { useNow } from './room-badges.tsx';

const dayMs = 86_400_000;

/** When something begins, and how long it is until then. */
export function Countdown({ startsAtMs }: { readonly startsAtMs: number }) {
  const { t, language } = useWords();
  const leftMs = startsAtMs - useNow();
  const date = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
  return (
    <p className="countdown" data-testid="countdown">
      <time dateTime={new Date(startsAtMs).toISOString()}>{date.format(startsAtMs)}</time>
      <strong role="timer" aria-live="off">
        {leftMs <= 0 ? t('countdown.now') : leftText(leftMs, t)}
      </strong>
    </p>
  );
}

function leftText(leftMs: number, t: ReturnType<typeof useWords>['t']): string {
  const days = Math.floor(leftMs / dayMs);
  const time = formatDuration(leftMs % dayMs);
  return days === 0 ? t('countdown.in', { time }) : t('countdown.days', { days, time });
}
