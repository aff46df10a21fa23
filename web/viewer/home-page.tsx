import { useCallback, useState, type ReactNode } from 'react';
import type { ApiError } from '@gala/sdk/room';
import { Icon } from '../design/icon.tsx';
import { Notice } from '../design/notice.tsx';
import { createHostCommand, withCode } from '../design/with-code.tsx';
import { client } from '../shell/client.ts';
import { Link } from '../shell/link.tsx';
import { usePoll } from '../shell/poll.ts';
import { useTitle } from '../shell/title.ts';
import { useWords } from '../shell/words.tsx';
import { ComingProgrammes } from './coming-programmes.tsx';
import { ComingRooms } from './coming-rooms.tsx';
import { AreaChoice, useAreas } from './areas.tsx';
import { listLive, pagesMax, type LiveList } from './live-list.ts';
import { RoomCard } from './room-card.tsx';

const refreshMs = 2_000;

export default function HomePage() {
  const { t } = useWords();
  useTitle('');
  const [pages, setPages] = useState(1);
  const [areaId, setAreaId] = useState('');
  const areas = useAreas();
  const ask = useCallback(
    (signal: AbortSignal) => listLive(client, { pages, areaId }, { signal }),
    [pages, areaId],
  );
  const { answer, error, refresh } = usePoll(ask, refreshMs);
  if (!answer) {
    return error ? <ListFailed error={error} onRetry={refresh} /> : <ListLoading label={t('home.loading')} />;
  }
  return (
    <>
      {error && <Stale error={error} />}
      {answer.total > 0 || areaId !== '' ? (
        <RoomList list={answer}>
          <AreaChoice areas={areas} chosen={areaId} onChoose={setAreaId} />
        </RoomList>
      ) : (
        <NobodyLive />
      )}
      <ComingProgrammes />
      <ComingRooms />
      {answer.hasMore && pages < pagesMax && (
        <div className="actions more">
          <button className="button" onClick={() => setPages(pages + 1)}>
            {t('home.more')}
          </button>
        </div>
      )}
    </>
  );
}

function RoomList({ list, children }: { readonly list: LiveList; readonly children: ReactNode }) {
  const { t } = useWords();
  const { rooms, total } = list;
  return (
    <section aria-labelledby="live-title">
      <div className="section-head">
        <h1 id="live-title">{t('home.title')}</h1>
        <p aria-live="polite" data-testid="live-total">
          {total === 1 ? t('home.total.one') : t('home.total.many', { count: total })}
        </p>
      </div>
      {children}
      {rooms.length === 0 && <p className="hint">{t('home.area.none')}</p>}
      <div className="room-grid" data-testid="room-list">
        {rooms.map((room) => (
          <RoomCard key={room.roomId} room={room} />
        ))}
      </div>
    </section>
  );
}

function NobodyLive() {
  const { t } = useWords();
  const steps = ['home.empty.step1', 'home.empty.step2', 'home.empty.step3'] as const;
  return (
    <section className="empty" data-testid="nobody-live">
      <div className="empty-scene" aria-hidden="true">
        <span />
        <span />
        <span />
        <Icon name="broadcast" />
      </div>
      <h1>{t('home.empty.title')}</h1>
      <p>{t('home.empty.text')}</p>
      <ol className="steps">
        {steps.map((step) => (
          <li key={step}>{t(step)}</li>
        ))}
      </ol>
      <Link to="/host" className="button primary large">
        <Icon name="broadcast" />
        {t('home.empty.action')}
      </Link>
      <p className="hint">{withCode(t('home.empty.operator'), createHostCommand)}</p>
    </section>
  );
}

function Stale({ error }: { readonly error: ApiError }) {
  const { t, explain } = useWords();
  return (
    <p className="banner" role="status" data-testid="list-stale">
      {t('home.stale', { cause: explain(error) })}
    </p>
  );
}

function ListFailed({ error, onRetry }: { readonly error: ApiError; readonly onRetry: () => void }) {
  const { t, explain } = useWords();
  return (
    <Notice title={t('home.failed.title')} text={explain(error)} testId="list-failed">
      <button className="button primary" onClick={onRetry}>
        <Icon name="refresh" />
        {t('player.retry')}
      </button>
    </Notice>
  );
}

function ListLoading({ label }: { readonly label: string }) {
  return (
    <div className="room-grid loading" role="status" aria-label={label}>
      {[0, 1, 2].map((index) => (
        <div key={index} className="ghost" />
      ))}
    </div>
  );
}
