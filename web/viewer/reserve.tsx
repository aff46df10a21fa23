import { useCallback, useState } from 'react';
import { ApiError } from '@gala/sdk/room';
import { client } from '../shell/client.ts';
import { usePoll } from '../shell/poll.ts';
import { useWords } from '../shell/words.tsx';
import { deviceToken } from './device.ts';

const refreshMs = 60_000;

interface ReserveProps {
  readonly name: string;
  readonly reservations: number;
  readonly onChange: () => void;
}

/** Whether one will come, and how many will. */
export function Reserve({ name, reservations, onChange }: ReserveProps) {
  const { t, language, explain } = useWords();
  const mine = { programmeName: name, device: deviceToken() };
  const ask = useCallback(
    (signal: AbortSignal) =>
      client.getReservation({ programmeName: name, device: deviceToken() }, { signal }),
    [name],
  );
  const { answer, refresh } = usePoll(ask, refreshMs);
  const [failed, setFailed] = useState<ApiError>();
  const isReserved = answer?.isReserved ?? false;
  const toggle = (): void => {
    setFailed(undefined);
    const work = isReserved ? client.unreserveProgramme(mine) : client.reserveProgramme(mine);
    const done = (): void => {
      refresh();
      onChange();
    };
    work.then(done, (error: unknown) => {
      if (!(error instanceof ApiError)) throw error;
      setFailed(error);
    });
  };
  return (
    <div className="actions">
      <button
        className={isReserved ? 'button' : 'button primary'}
        aria-pressed={isReserved}
        disabled={!answer}
        onClick={toggle}
        data-testid="reserve"
      >
        {t(isReserved ? 'programme.reserved' : 'programme.reserve')}
      </button>
      <span className="hint" data-testid="reservations">
        {t('programme.reservations', { count: new Intl.NumberFormat(language).format(reservations) })}
      </span>
      {failed && (
        <p className="form-error" role="alert">
          {explain(failed)}
        </p>
      )}
    </div>
  );
}
