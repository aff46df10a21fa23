import { useState } from 'react';
import type { Host, Room } from '@gala/protocol/rest';
import { ApiError } from '@gala/sdk/room';
import { Icon } from '../design/icon.tsx';
import { useNow } from '../design/room-badges.tsx';
import { client } from '../shell/client.ts';
import { Link } from '../shell/link.tsx';
import { useWords } from '../shell/words.tsx';
import { formatDuration } from '../words/index.ts';

interface BroadcastProps {
  readonly host: Host;
  readonly room: Room | undefined;
  readonly onChange: () => void;
}

/** The present state of the host's room, and how to end it. */
export function Broadcast({ host, room, onChange }: BroadcastProps) {
  const { t, language } = useWords();
  const onAir = room?.state === 'live' || room?.state === 'hold' ? room : undefined;
  const state = onAir?.state === 'live' ? 'live' : onAir ? 'hold' : 'off';
  return (
    <section className={`card broadcast is-${state}`} data-testid="broadcast" data-broadcast-state={state}>
      <div className="broadcast-words" role="status">
        <span className="broadcast-light" aria-hidden="true" />
        <div>
          <h2>{t(`host.state.${state}`)}</h2>
          <p className="hint">{state === 'live' ? onAir?.title : t(`host.state.${state}.text`)}</p>
        </div>
      </div>
      <dl className="stats">
        {onAir && (
          <Stat
            name={t('host.stat.viewers')}
            value={new Intl.NumberFormat(language).format(onAir.viewers)}
            testId="stat-viewers"
          />
        )}
        {onAir?.startedAtMs !== undefined && <OnAirFor startedAtMs={onAir.startedAtMs} />}
        {!onAir && <Stat name={t('host.stat.sessions')} value={String(host.sessionCount)} />}
      </dl>
      <div className="actions">
        <Link
          to={onAir ? `/room/${onAir.roomId}` : `/@${host.name}`}
          className="button"
          data-testid="watch-own"
        >
          <Icon name={onAir ? 'play' : 'link'} />
          {onAir ? t('host.watch') : t('host.page')}
        </Link>
        {onAir && <EndRoom roomId={onAir.roomId} onEnded={onChange} />}
      </div>
    </section>
  );
}

function OnAirFor({ startedAtMs }: { readonly startedAtMs: number }) {
  const { t } = useWords();
  return (
    <Stat
      name={t('host.stat.duration')}
      value={formatDuration(useNow() - startedAtMs)}
      testId="stat-duration"
    />
  );
}

function Stat({
  name,
  value,
  testId,
}: {
  readonly name: string;
  readonly value: string;
  readonly testId?: string;
}) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-testid={testId}>{value}</dd>
    </div>
  );
}

function EndRoom({ roomId, onEnded }: { readonly roomId: number; readonly onEnded: () => void }) {
  const { t, explain } = useWords();
  const [asking, setAsking] = useState(false);
  const [failed, setFailed] = useState<ApiError>();
  const end = (): void => {
    client.endRoom({ roomId }).then(onEnded, (error: unknown) => {
      if (!(error instanceof ApiError)) throw error;
      setFailed(error);
    });
  };
  if (!asking) {
    return (
      <button className="button danger" onClick={() => setAsking(true)} data-testid="end-room">
        {t('host.end')}
      </button>
    );
  }
  return (
    <div className="ask" role="alertdialog" aria-label={t('host.end.ask')}>
      <span>{failed ? explain(failed) : t('host.end.ask')}</span>
      <button className="button small" onClick={() => setAsking(false)} autoFocus>
        {t('host.cancel')}
      </button>
      <button className="button danger small" onClick={end} data-testid="end-room-yes">
        {t('host.end.yes')}
      </button>
    </div>
  );
}
