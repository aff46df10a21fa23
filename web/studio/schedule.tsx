import { useState, type SubmitEvent } from 'react';
import type { Room } from '@gala/protocol/rest';
import { ApiError } from '@gala/sdk/room';
import { Countdown } from '../design/countdown.tsx';
import { client } from '../shell/client.ts';
import { useWords } from '../shell/words.tsx';

interface ScheduleProps {
  readonly room: Room | undefined;
  readonly onChange: () => void;
}

/** The next room: when it begins, with a title of its own; changed and cancelled until it has begun. */
export function Schedule({ room, onChange }: ScheduleProps) {
  const { t, explain } = useWords();
  const [failed, setFailed] = useState<ApiError>();
  const onAir = room?.state === 'live' || room?.state === 'hold';
  const planned = room?.state === 'created' ? room : undefined;
  const run = (work: Promise<unknown>): void => {
    setFailed(undefined);
    work.then(onChange, (error: unknown) => {
      if (!(error instanceof ApiError)) throw error;
      setFailed(error);
    });
  };
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const [title, starts] = [fields.get('title'), fields.get('startsAt')];
    if (typeof title !== 'string' || typeof starts !== 'string') return;
    run(client.createRoom({ title: title.trim(), startsAtMs: new Date(starts).getTime() }));
  };
  const cancel = (roomId: number): void => run(client.endRoom({ roomId, reason: 'cancelled' }));
  return (
    <form className="card stacked" onSubmit={submit} data-testid="schedule-form">
      <h2>{t('schedule.title')}</h2>
      {planned?.startsAtMs !== undefined && <Countdown startsAtMs={planned.startsAtMs} />}
      {onAir && <p className="hint">{t('schedule.onAir')}</p>}
      <label className="field">
        <span>{t('host.settings.name')}</span>
        <input
          name="title"
          key={planned?.title}
          maxLength={120}
          defaultValue={planned?.title}
          disabled={onAir}
        />
      </label>
      <label className="field">
        <span>{t('schedule.at')}</span>
        <input
          name="startsAt"
          type="datetime-local"
          required
          key={planned?.startsAtMs}
          defaultValue={planned?.startsAtMs && localTime(planned.startsAtMs)}
          disabled={onAir}
          data-testid="schedule-at"
        />
      </label>
      {failed && (
        <p className="form-error" role="alert">
          {explain(failed)}
        </p>
      )}
      <div className="actions">
        <button className="button" disabled={onAir} data-testid="schedule-save">
          {t(planned ? 'schedule.change' : 'schedule.save')}
        </button>
        {planned && (
          <button type="button" className="button quiet" onClick={() => cancel(planned.roomId)}>
            {t('schedule.cancel')}
          </button>
        )}
      </div>
    </form>
  );
}

/** As `datetime-local` takes it: the clock of the reader, without a zone. */
function localTime(timeMs: number): string {
  const offsetMs = new Date(timeMs).getTimezoneOffset() * 60_000;
  return new Date(timeMs - offsetMs).toISOString().slice(0, 16);
}
