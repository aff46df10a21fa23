import { useCallback, useState } from 'react';
import type { Programme } from '@gala/protocol/rest';
import { Countdown } from '../design/countdown.tsx';
import { Notice } from '../design/notice.tsx';
import { StateBadge } from '../design/room-badges.tsx';
import { initialState, type PlayerState } from '../player/state.ts';
import type { PlayPreference } from '../player/support.ts';
import { client } from '../shell/client.ts';
import { Link } from '../shell/link.tsx';
import { usePoll } from '../shell/poll.ts';
import { useTitle } from '../shell/title.ts';
import { useWords } from '../shell/words.tsx';
import { Player } from './player.tsx';
import { useProgrammeWords } from './programme-texts.ts';
import { Reserve } from './reserve.tsx';

const refreshMs = 5_000;

interface ProgrammePageProps {
  readonly name: string;
  readonly preference: PlayPreference;
}

/** A big event: a countdown, and while it is live its angles, one at a time. */
export default function ProgrammePage({ name, preference }: ProgrammePageProps) {
  const { t } = useWords();
  const { say, language, explain } = useProgrammeWords();
  const ask = useCallback(
    (signal: AbortSignal) => client.getProgramme({ programmeName: name }, { signal }),
    [name],
  );
  const { answer, error, refresh } = usePoll(ask, refreshMs);
  const programme = answer?.programme;
  useTitle(programme?.titles[language] ?? '');
  if (!programme) {
    if (!error) return <div className="page-wait" />;
    return (
      <Notice title={say('failed')} text={explain(error)} testId="programme-failed">
        <button className="button primary" onClick={refresh}>
          {t('player.retry')}
        </button>
      </Notice>
    );
  }
  return (
    <article className="programme" data-testid="programme-page" data-phase={programme.phase}>
      <header className="section-head">
        <h1>{programme.titles[language]}</h1>
        {programme.phase === 'live' && <StateBadge state="live" />}
      </header>
      <Standing programme={programme} onReserved={refresh} />
      <Angles programme={programme} preference={preference} />
      {programme.text !== '' && <p className="programme-text">{programme.text}</p>}
    </article>
  );
}

interface StandingProps {
  readonly programme: Programme;
  readonly onReserved: () => void;
}

function Standing({ programme, onReserved }: StandingProps) {
  const { say } = useProgrammeWords();
  const { name, phase, startsAtMs, reservations } = programme;
  if (phase === 'live') return null;
  if (phase === 'over' || phase === 'cancelled') return <p role="status">{say(phase)}</p>;
  return (
    <div className="card stacked">
      <Countdown startsAtMs={startsAtMs} />
      <Reserve name={name} reservations={reservations} onChange={onReserved} />
    </div>
  );
}

interface AnglesProps {
  readonly programme: Programme;
  readonly preference: PlayPreference;
}

/** One player; who has begun to watch an angle stays with it until he takes another. */
function Angles({ programme: { angles, phase }, preference }: AnglesProps) {
  const { say, language } = useProgrammeWords();
  const [chosen, setChosen] = useState<number>();
  const isOpen = phase === 'live' || phase === 'countdown';
  const shown = chosen ?? angles.find(({ isOnAir }) => isOnAir)?.hostId;
  const watched = isOpen ? angles.find(({ hostId }) => hostId === shown) : undefined;
  return (
    <section aria-label={say('angles')}>
      {watched && <Angle key={watched.hostId} hostName={watched.hostName} preference={preference} />}
      <div className="chips programme-angles" role="group" aria-label={say('angles')}>
        {angles.map(({ hostId, hostName, label, isOnAir }) =>
          isOpen ? (
            <button
              key={hostId}
              className="chip"
              aria-pressed={hostId === watched?.hostId}
              disabled={!isOnAir && hostId !== watched?.hostId}
              onClick={() => setChosen(hostId)}
              data-testid="angle"
            >
              {label[language]}
              {!isOnAir && <small>{say('off')}</small>}
            </button>
          ) : (
            <Link key={hostId} to={`/@${hostName}`} className="chip plain">
              {label[language]}
              <small>{hostName}</small>
            </Link>
          ),
        )}
      </div>
    </section>
  );
}

function Angle({ hostName, preference }: { readonly hostName: string } & Pick<AnglesProps, 'preference'>) {
  const [state, setState] = useState<PlayerState>(initialState);
  return <Player roomRef={`@${hostName}`} preference={preference} state={state} onState={setState} />;
}
