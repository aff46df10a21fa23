import { Countdown } from '../design/countdown.tsx';
import { Avatar } from '../design/cover.tsx';
import { client } from '../shell/client.ts';
import { Link } from '../shell/link.tsx';
import { usePoll, type Ask } from '../shell/poll.ts';
import { useWords } from '../shell/words.tsx';
import type { AnswerOf } from '@gala/sdk/room';

const refreshMs = 15_000;
const roomsMax = 6;
const ask: Ask<AnswerOf<'listComingRooms'>> = (signal) =>
  client.listComingRooms({ limit: roomsMax }, { signal });

/** What is scheduled, the soonest first; nothing while there is none. */
export function ComingRooms() {
  const { t } = useWords();
  const rooms = usePoll(ask, refreshMs).answer?.rooms ?? [];
  if (rooms.length === 0) return null;
  return (
    <section aria-labelledby="coming-title" data-testid="coming">
      <div className="section-head">
        <h2 id="coming-title">{t('home.coming')}</h2>
      </div>
      <ul className="coming-list">
        {rooms.map(({ roomId, hostName, title, startsAtMs }) => (
          <li key={roomId} className="card coming">
            <Avatar name={hostName} />
            <div>
              <h3>
                <Link to={`/@${hostName}`} className="stretched">
                  {title || hostName}
                </Link>
              </h3>
              <p className="hint">{hostName}</p>
              {startsAtMs !== undefined && <Countdown startsAtMs={startsAtMs} />}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
