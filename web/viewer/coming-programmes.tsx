import type { AnswerOf } from '@gala/sdk/room';
import { Countdown } from '../design/countdown.tsx';
import { StateBadge } from '../design/room-badges.tsx';
import { client } from '../shell/client.ts';
import { Link } from '../shell/link.tsx';
import { usePoll, type Ask } from '../shell/poll.ts';
import { useWords } from '../shell/words.tsx';

const refreshMs = 15_000;
const programmesMax = 6;
const ask: Ask<AnswerOf<'listProgrammes'>> = (signal) =>
  client.listProgrammes({ limit: programmesMax }, { signal });

/** Big events that run or come; nothing while there is none. */
export function ComingProgrammes() {
  const { t, language } = useWords();
  const programmes = usePoll(ask, refreshMs).answer?.programmes ?? [];
  if (programmes.length === 0) return null;
  return (
    <section aria-labelledby="programmes-title" data-testid="programmes">
      <div className="section-head">
        <h2 id="programmes-title">{t('home.programmes')}</h2>
      </div>
      <ul className="coming-list">
        {programmes.map(({ name, titles, phase, startsAtMs }) => (
          <li key={name} className="card coming">
            <div>
              <h3>
                <Link to={`/programmes/${name}`} className="stretched">
                  {titles[language]}
                </Link>
              </h3>
              {phase === 'live' ? <StateBadge state="live" /> : <Countdown startsAtMs={startsAtMs} />}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
