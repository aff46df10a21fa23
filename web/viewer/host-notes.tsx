import { useCallback } from 'react';
import { Countdown } from '../design/countdown.tsx';
import { client } from '../shell/client.ts';
import { usePoll } from '../shell/poll.ts';
import { useWords } from '../shell/words.tsx';

const refreshMs = 10_000;

/** What the host tells, and when his next room begins. Nothing while neither is known. */
export default function HostNotes({ hostRef }: { readonly hostRef: string }) {
  const { t, language } = useWords();
  const ask = useCallback((signal: AbortSignal) => client.getHostPage({ hostRef }, { signal }), [hostRef]);
  const { answer } = usePoll(ask, refreshMs);
  const { host, room } = answer ?? {};
  const startsAtMs = room?.state === 'created' ? room.startsAtMs : undefined;
  const plays = answer?.plays;
  if (!host?.announcement && startsAtMs === undefined && plays === undefined) return null;
  return (
    <section className="host-notes">
      {plays !== undefined && plays > 0 && (
        <p className="hint" data-testid="plays">
          {t(plays === 1 ? 'room.plays.one' : 'room.plays.many', {
            count: new Intl.NumberFormat(language).format(plays),
          })}
        </p>
      )}
      {startsAtMs !== undefined && (
        <div className="card coming">
          <h2>{t('room.next')}</h2>
          {room?.title && <p>{room.title}</p>}
          <Countdown startsAtMs={startsAtMs} />
        </div>
      )}
      {host?.announcement && (
        <div className="card announcement" data-testid="announcement">
          <h2>{t('room.announcement')}</h2>
          <p>{host.announcement.text}</p>
        </div>
      )}
    </section>
  );
}
