import { useCallback, useState } from 'react';
import { ApiError } from '@gala/sdk/room';
import { client } from '../shell/client.ts';
import { usePoll } from '../shell/poll.ts';
import { deviceToken } from './device.ts';
import { useProgrammeWords } from './programme-texts.ts';

const refreshMs = 60_000;

interface ReserveProps {
  readonly name: string;
  readonly reservations: number;
  readonly onChange: () => void;
}

/** Whether one will come, and how many will. */
export function Reserve({ name, reservations, onChange }: ReserveProps) {
  const { say, language, explain } = useProgrammeWords();
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
    const change = isReserved ? client.unreserveProgramme : client.reserveProgramme;
    change(mine)
      .then(refresh)
      .then(onChange)
      .catch((error: unknown) => {
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
        {say(isReserved ? 'reserved' : 'reserve')}
      </button>
      <span className="hint" data-testid="reservations">
        {say('reservations').replace('{count}', new Intl.NumberFormat(language).format(reservations))}
      </span>
      {failed && (
        <p className="form-error" role="alert">
          {explain(failed)}
        </p>
      )}
    </div>
  );
}
